//! A plan that is not as it was written is refused.

use std::collections::BTreeMap;

use sluicegate_letters::{
    BadPlan, LetterId, PLAN_FORMAT, PlanHeader, PlanId, PlannedLetter, Selection,
};

use crate::at;

fn page() -> Vec<u8> {
    let mut bytes = Vec::new();
    for id in ["a", "b"] {
        let planned = PlannedLetter { id: LetterId(id.to_owned()), version: 1 };
        bytes.extend(serde_json::to_vec(&planned).unwrap());
        bytes.push(b'\n');
    }
    bytes
}

fn header() -> PlanHeader {
    PlanHeader {
        plan_format: PLAN_FORMAT,
        stack: "prod".to_owned(),
        made_at: at(1_764_000_000_000),
        cut_off: at(1_764_000_000_000),
        by: "ann".to_owned(),
        selection: Selection::default(),
        to: None,
        patch: None,
        even_if_forgotten: false,
        letters: 2,
        bytes: 20,
        stages: BTreeMap::from([("sink".to_owned(), 2)]),
        datasets: Vec::new(),
        depends_on: Vec::new(),
        folder: "f".to_owned(),
        pages: vec![event::hex_sha256(&page())],
    }
}

#[test]
fn a_plan_is_read_as_it_was_written() {
    let bytes = serde_json::to_vec(&header()).unwrap();
    let id = PlanId::of(&bytes, header().made_at);
    assert!(id.0.starts_with("20251124T160000Z-"), "{id:?}");
    let read = PlanHeader::read(&id, &bytes, "prod").unwrap();
    assert_eq!(read, header());
    assert_eq!(read.read_page(&id, 0, &page()).unwrap().len(), 2);
    assert_eq!(read.check_fresh(&id, at(1_764_000_000_000 + 86_400_000)), Ok(()));
}

#[test]
fn what_was_edited_is_of_another_stack_or_is_old_is_refused() {
    let bytes = serde_json::to_vec(&header()).unwrap();
    let id = PlanId::of(&bytes, header().made_at);
    let edited = String::from_utf8(bytes.clone()).unwrap().replace("\"sink\":2", "\"sink\":3");
    let refused = PlanHeader::read(&id, edited.as_bytes(), "prod");
    assert_eq!(refused, Err(BadPlan::Changed(id.0.clone())));
    for cut in 0..bytes.len() {
        assert!(PlanHeader::read(&id, &bytes[..cut], "prod").is_err());
    }
    let foreign = PlanHeader::read(&id, &bytes, "test").unwrap_err();
    assert!(matches!(foreign, BadPlan::OtherStack { .. }), "{foreign}");
    let stale = header().check_fresh(&id, at(1_764_000_000_000 + 86_400_001)).unwrap_err();
    assert!(matches!(stale, BadPlan::Stale { .. }), "{stale}");
    let mut page = page();
    page.extend_from_slice(br#"{"id":"c","version":1}"#);
    assert!(header().read_page(&id, 0, &page).is_err());
    assert!(header().read_page(&id, 1, &page).is_err());
    // The id becomes part of an object's key, so a path in it is refused.
    for bad in ["", "../a", "a/b", &"a".repeat(65)] {
        assert!(!PlanId(bad.to_owned()).is_well_formed(), "{bad}");
    }
}
