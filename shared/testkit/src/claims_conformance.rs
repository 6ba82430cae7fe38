//! What every bucket for the bodies of large messages has to do.

use runtime::ClaimObjects;

/// Checks an adapter of [`ClaimObjects`]. `new` makes a bucket in which none of the suite's keys is used.
///
/// # Panics
/// At the first thing that the adapter does otherwise.
pub async fn claims_conformance<O: ClaimObjects>(new: impl AsyncFn() -> O) {
    let bucket = new().await;
    let large = "\u{e9}\u{1f525}\n\"".repeat(500_000);
    for body in [large.as_str(), "small"] {
        // The key is that of one body. Another content, which only a stranger puts there, replaces it all the same.
        assert_eq!(bucket.write("claims/one", body.to_owned()).await, Ok(()));
        assert_eq!(
            bucket.write("claims/one", body.to_owned()).await,
            Ok(()),
            "it is there already"
        );
        let read = bucket.read("claims/one", body.len()).await;
        assert!(read == Ok(Some(body.as_bytes().to_vec())), "other bytes");
    }
    assert_eq!(bucket.read("claims/one", 2).await, Ok(Some(b"sm".to_vec())));
    assert_eq!(bucket.read("claims/one", 6).await, Ok(None), "it is shorter");
    assert_eq!(bucket.read("claims/none", 5).await, Ok(None));
}

#[cfg(test)]
mod tests {
    use crate::MemoryClaims;

    #[tokio::test]
    async fn the_bucket_in_memory_passes_the_suite_of_its_port() {
        super::claims_conformance(async || MemoryClaims::default()).await;
    }
}
