//! The environment variables of a function's process, as Lambda sets them.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>. The access key id is the
//! name of the function, so that the server knows which function calls. Signatures are not checked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Config, clock_offset};
use template::Function;

/// The values that differ between environments of the same function.
pub(super) struct Instance<'a> {
    pub(super) port: u16,
    pub(super) log_stream: &'a str,
    /// The session token, which identifies the environment in its calls.
    pub(super) token: &'a str,
    /// How far the emulation's clock is ahead of the system's at the start, in milliseconds.
    pub(super) clock_offset_ms: i64,
    pub(super) task_root: &'a Path,
}

/// Returns all variables. Those of the template override Lambda's defaults, but not its reserved ones.
pub(super) fn variables(
    function: &Function,
    config: &Config,
    instance: &Instance<'_>,
) -> BTreeMap<String, String> {
    let task_root = instance.task_root.to_string_lossy();
    let log_group = function.log_group.clone();
    let log_group = log_group.unwrap_or_else(|| format!("/aws/lambda/{}", function.name));
    let defaults = [
        ("LANG", "en_US.UTF-8".to_owned()),
        ("PATH", "/usr/local/bin:/usr/bin:/bin:/opt/bin".to_owned()),
        ("TZ", ":UTC".to_owned()),
    ];
    let reserved = [
        ("AWS_ACCESS_KEY_ID", function.name.clone()),
        ("AWS_DEFAULT_REGION", config.region.clone()),
        ("AWS_ENDPOINT_URL", config.endpoint.clone()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", function.memory_mb.to_string()),
        ("AWS_LAMBDA_FUNCTION_NAME", function.name.clone()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", log_group),
        ("AWS_LAMBDA_LOG_STREAM_NAME", instance.log_stream.to_owned()),
        ("AWS_LAMBDA_RUNTIME_API", format!("127.0.0.1:{}", instance.port)),
        ("AWS_REGION", config.region.clone()),
        ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
        ("AWS_SESSION_TOKEN", instance.token.to_owned()),
        ("LAMBDA_RUNTIME_DIR", task_root.clone().into_owned()),
        ("LAMBDA_TASK_ROOT", task_root.into_owned()),
        ("_HANDLER", "bootstrap".to_owned()),
    ];
    let mut all = BTreeMap::new();
    for (name, value) in defaults {
        all.insert(name.to_owned(), value);
    }
    for (name, value) in &function.environment {
        all.insert(name.clone(), resolve_layer_path(value, &function.layers));
    }
    for (name, value) in reserved {
        all.insert(name.to_owned(), value);
    }
    all.insert(clock_offset::VARIABLE.to_owned(), instance.clock_offset_ms.to_string());
    all
}

/// Replaces a path below `/opt` by the path in the first layer that has it. Without a container, layers
/// cannot be unpacked into `/opt`.
fn resolve_layer_path(value: &str, layers: &[PathBuf]) -> String {
    let below = match value.strip_prefix("/opt") {
        Some("") => "",
        Some(rest) if rest.starts_with('/') => rest.trim_start_matches('/'),
        _ => return value.to_owned(),
    };
    let found = layers.iter().map(|layer| layer.join(below)).find(|path| path.exists());
    found.map_or_else(|| value.to_owned(), |path| path.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR"))
    }

    #[track_caller]
    fn check_opt(value: &str, expected: &str) {
        let layers = [source().join("none"), source().join("src"), source()];
        assert_eq!(resolve_layer_path(value, &layers), expected, "{value}");
    }

    #[test]
    fn a_value_below_opt_points_to_the_first_layer_that_has_it() {
        let source = source();
        let source = source.to_string_lossy();
        check_opt("/opt/mapping", &format!("{source}/src/mapping"));
        check_opt("/opt//mapping/mod.rs", &format!("{source}/src/mapping/mod.rs"));
        check_opt("/opt/Cargo.toml", &format!("{source}/Cargo.toml"));
        check_opt("/opt/nowhere", "/opt/nowhere");
        check_opt("/optical", "/optical");
        check_opt("x/opt/mapping", "x/opt/mapping");
    }

    #[test]
    fn the_template_cannot_take_reserved_variables_but_may_set_the_rest() {
        let mut function = super::super::tests::function("sink", "sink");
        function.environment.insert("TZ".to_owned(), "Europe/Vienna".to_owned());
        function.environment.insert("AWS_REGION".to_owned(), "moon".to_owned());
        function.environment.insert("TABLE".to_owned(), "records".to_owned());
        let config = Config::new("eu-west-1", "http://127.0.0.1:1", source());
        let instance = Instance {
            port: 99,
            log_stream: "stream",
            token: "token",
            clock_offset_ms: -5,
            task_root: Path::new("/task"),
        };
        let all = variables(&function, &config, &instance);
        assert_eq!(all["SLUICEGATE_CLOCK_OFFSET_MS"], "-5");
        assert_eq!(all["TZ"], "Europe/Vienna");
        assert_eq!(all["AWS_REGION"], "eu-west-1");
        assert_eq!(all["TABLE"], "records");
        assert_eq!(all["AWS_ACCESS_KEY_ID"], "sink");
        assert_eq!(all["AWS_LAMBDA_RUNTIME_API"], "127.0.0.1:99");
        assert_eq!(all["AWS_LAMBDA_LOG_GROUP_NAME"], "/aws/lambda/sink");
        function.log_group = Some("own".to_owned());
        let named = variables(&function, &config, &instance);
        assert_eq!(named["AWS_LAMBDA_LOG_GROUP_NAME"], "own");
    }
}
