//! The unchanged seeds, among them what a fuzzer once found.

use crate::changed::seeds;

#[test]
fn every_seed_of_requests_is_answered() {
    seeds("requests").iter().for_each(|seed| crate::requests::check(seed));
}

#[test]
fn every_seed_of_templates_is_read_or_refused() {
    seeds("templates").iter().for_each(|seed| crate::templates::check(seed));
}
