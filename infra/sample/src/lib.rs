//! The sample: what the datasets `flights` and `weather` need beside their contracts.
//!
//! Nothing of the framework depends on it. The demo and the tests start the emulation with its
//! service.

#![warn(missing_docs)]

mod weather;

pub use self::weather::{Delivered, Weather, WeatherError};

/// The dataset that the demo sends by default.
pub const DATASET: &str = "flights";
/// The events of [`DATASET`], as a path from the repository's root.
pub const EVENTS_FILE: &str = "events/flights-2013-01.ndjson.gz";
/// The name of the weather service in the emulation, in fault plans and of its breaker. The
/// emulation fills its address in at [`WEATHER_PLACE`].
pub const WEATHER: &str = "weather";
/// The place for the address of the weather service in `infra/contracts/variables/local.yaml`.
pub const WEATHER_PLACE: &str = "LOCAL_WEATHER";
/// The beginning of the weather service's URLs in contracts.
pub const WEATHER_URL: &str = "{WEATHER_URL}";
/// The observations that the weather service starts with, as a path from the repository's root.
pub const WEATHER_FILE: &str = "events/weather.ndjson.gz";
