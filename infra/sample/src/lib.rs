//! The sample: what the datasets `flights` and `weather` need beside their contracts.
//!
//! Nothing of the framework depends on it. The demo and the tests start the emulation with its service.

mod weather;

pub use self::weather::{Delivered, Weather, WeatherError};

/// The dataset that the demo sends where none is named.
pub const DATASET: &str = "flights";
/// Its events, below the repository's root.
pub const EVENTS_FILE: &str = "events/flights-2013-01.ndjson.gz";
/// The name of the weather service: the emulation serves it where the contracts' variables have
/// [`WEATHER_PLACE`], and fault plans and breakers know it by this name.
pub const WEATHER: &str = "weather";
/// What stands for the address of the weather service in `infra/contracts/variables/local.yaml`.
pub const WEATHER_PLACE: &str = "LOCAL_WEATHER";
/// What the URLs of the weather service begin with in contracts.
pub const WEATHER_URL: &str = "{WEATHER_URL}";
/// The observations that the weather service starts with, below the repository's root.
pub const WEATHER_FILE: &str = "events/weather.ndjson.gz";
