//! A lookup of one's own: the great-circle distance between two airports, which it computes without asking a service.
//!
//! A contract declares it as `{name: distance, into: distance, custom: {lookup: great-circle, key: {from: /origin,
//! to: /dest}}}`, and `template.yaml` builds this binary in place of `enrich`.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use contracts::LookupKey;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use runtime::{Lookup, LookupAnswer, LookupError};
use serde_json::json;
use serde_json::value::to_raw_value;

/// Knows where airports are: latitude and longitude in degrees, by their codes.
pub(crate) struct GreatCircle {
    pub(crate) airports: BTreeMap<String, (f64, f64)>,
}

impl GreatCircle {
    fn distance(&self, key: &LookupKey) -> Option<LookupAnswer> {
        let miles = haversine_miles(self.place(key, "from")?, self.place(key, "to")?);
        to_raw_value(&json!({ "miles": miles })).ok().map(LookupAnswer::Document)
    }

    fn place(&self, key: &LookupKey, part: &str) -> Option<(f64, f64)> {
        self.airports.get(key.parts().get(part)?.as_str()?).copied()
    }
}

impl Lookup for GreatCircle {
    fn max_keys(&self) -> usize {
        100
    }

    fn find<'a>(
        &'a self,
        keys: &'a [LookupKey],
        _: Duration,
    ) -> BoxFuture<'a, Result<Vec<LookupAnswer>, LookupError>> {
        let found =
            keys.iter().map(|key| self.distance(key).unwrap_or(LookupAnswer::Nothing)).collect();
        async { Ok(found) }.boxed()
    }
}

/// Whole miles, by the haversine formula (R. W. Sinnott, "Virtues of the Haversine", Sky and Telescope 68, 1984).
fn haversine_miles((lat_1, lon_1): (f64, f64), (lat_2, lon_2): (f64, f64)) -> f64 {
    const EARTH_RADIUS_MILES: f64 = 3_958.8;
    let half_chord = ((lat_2 - lat_1).to_radians() / 2.0).sin().powi(2)
        + lat_1.to_radians().cos()
            * lat_2.to_radians().cos()
            * ((lon_2 - lon_1).to_radians() / 2.0).sin().powi(2);
    (2.0 * EARTH_RADIUS_MILES * half_chord.sqrt().asin()).round()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let airports = BTreeMap::from([
        ("EWR".to_owned(), (40.6925, -74.168667)),
        ("IAH".to_owned(), (29.984433, -95.341442)),
    ]);
    let lookup: Arc<dyn Lookup> = Arc::new(GreatCircle { airports });
    runtime::exit_code(
        sluicegate_enrich::run(BTreeMap::from([("great-circle".to_owned(), lookup)])).await,
    )
}
