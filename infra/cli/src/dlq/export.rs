//! `dlq export`: writes every selected letter, one on each line.

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::requests::Request;
use crate::failure::Failure;
use crate::output::Output;
use crate::output::escape::json_line;
use crate::output::members::members;
use crate::output::text::pluralize;

/// Writes all pages, beginning with the one that `first` asks for. Returns the number of letters.
///
/// # Errors
/// If a page cannot be read or written.
pub(super) async fn export(
    first: Request,
    to: Option<&Path>,
    ask: impl AsyncFn(&Request) -> Result<Value, Failure>,
    output: &Output,
) -> Result<u64, Failure> {
    match to {
        None => write_pages(first, ask, |line| output.result_line(line), output).await,
        Some(path) => {
            let part = part_of(path);
            let file = File::create(&part).map_err(|error| unwritable(path, error))?;
            let mut file = BufWriter::new(file);
            let written = write_pages(first, ask, |line| writeln!(file, "{line}"), output).await;
            let count = match written {
                Ok(count) => count,
                Err(failure) => {
                    let _ = std::fs::remove_file(&part);
                    return Err(failure);
                }
            };
            file.flush().map_err(|error| unwritable(path, error))?;
            std::fs::rename(&part, path).map_err(|error| unwritable(path, error))?;
            Ok(count)
        }
    }
}

fn unwritable(path: &Path, error: io::Error) -> Failure {
    Failure::new(format!("{} cannot be written", path.display())).because(error)
}

/// The path at which a file is written until it is complete.
fn part_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}

async fn write_pages(
    mut request: Request,
    ask: impl AsyncFn(&Request) -> Result<Value, Failure>,
    mut write: impl FnMut(&str) -> io::Result<()>,
    output: &Output,
) -> Result<u64, Failure> {
    let mut count = 0;
    loop {
        let page = ask(&request).await?;
        for letter in members(&page["letters"]) {
            match write(&json_line(letter)) {
                Ok(()) => count += 1,
                // The reader of the output has closed it.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(count),
                Err(error) => {
                    return Err(Failure::new("the letters cannot be written").because(error));
                }
            }
        }
        output.status(&format!("  {} exported", pluralize(count, "letter")));
        let next = &page["next"];
        if !next.is_string() {
            return Ok(count);
        }
        if request.body["after"] == *next {
            return Err(Failure::new("the function answers with the same page again"));
        }
        request.body["after"] = json!(next);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    fn first() -> Request {
        Request { verb: "export", body: json!({ "select": {}, "limit": 2 }) }
    }

    fn page(ids: &[&str], next: Option<&str>) -> Value {
        let letters: Vec<Value> =
            ids.iter().map(|id| json!({ "id": id, "message": { "body": "\u{9b}" } })).collect();
        json!({ "letters": letters, "next": next })
    }

    #[tokio::test]
    async fn pages_are_asked_for_until_there_is_no_next_and_each_letter_is_a_line() {
        let folder = std::env::temp_dir().join(format!("sluicegate-export-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("letters.ndjson");
        let asked = RefCell::new(Vec::new());
        let answer = async |request: &Request| {
            asked.borrow_mut().push(request.body.clone());
            Ok(match request.body["after"].as_str() {
                None => page(&["a", "b"], Some("0:b:k")),
                // A page of the index without letters of the selection.
                Some("0:b:k") => page(&[], Some("7")),
                Some(_) => page(&["c"], None),
            })
        };
        let count = export(first(), Some(&file), answer, &Output::of_process()).await.unwrap();
        assert_eq!(count, 3);
        let afters: Vec<Value> = asked.borrow().iter().map(|body| body["after"].clone()).collect();
        assert_eq!(afters, [json!(null), json!("0:b:k"), json!("7")]);
        assert!(asked.borrow().iter().all(|body| body["limit"] == 2));
        let text = std::fs::read_to_string(&file).unwrap();
        let ids: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].clone())
            .collect();
        assert_eq!(ids, ["a", "b", "c"]);
        assert!(text.contains(r#""body":"\u009b""#), "{text}");
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[tokio::test]
    async fn a_file_is_there_whole_or_not_at_all() {
        let folder = std::env::temp_dir().join(format!("sluicegate-half-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("letters.ndjson");
        let answer = async |request: &Request| match request.body["after"].as_str() {
            None => Ok(page(&["a"], Some("1"))),
            Some(_) => Err(Failure::new("away")),
        };
        let failed = export(first(), Some(&file), answer, &Output::of_process()).await.unwrap_err();
        assert!(failed.to_string().contains("away"));
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
        let same_page = async |_: &Request| Ok(page(&[], Some("1")));
        let exported = export(first(), Some(&file), same_page, &Output::of_process()).await;
        let failed = exported.unwrap_err();
        assert!(failed.to_string().contains("same page"), "{failed}");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
