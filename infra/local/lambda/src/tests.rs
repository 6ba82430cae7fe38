//! Functions for the tests of this module's parts.

use std::collections::BTreeMap;
use std::time::Duration;

use template::{Function, RecursiveLoop};

pub(super) fn function(name: &str, binary: &str) -> Function {
    Function {
        logical_id: name.to_owned(),
        name: name.to_owned(),
        arn: format!("arn:aws:lambda:eu-west-1:123456789012:function:{name}"),
        role: format!("arn:aws:iam::123456789012:role/{name}"),
        log_group: None,
        binary: binary.to_owned(),
        timeout: Duration::from_secs(30),
        memory_mb: 128,
        environment: BTreeMap::new(),
        layers: Vec::new(),
        reserved_concurrency: None,
        url: None,
        recursive_loop: RecursiveLoop::Terminate,
    }
}
