//! Which resources need which: an order in which all can be made, or the ones that go in circles.

use std::collections::{BTreeMap, BTreeSet};

use super::node::{Node, Value};
use super::substitution::{self, Part};

/// For each resource, the ones that it needs.
pub(super) type Needs = BTreeMap<String, BTreeSet<String>>;

/// An order in which each comes after what it needs, and those that are in, or need, a circle.
pub(super) fn order(needs: &Needs) -> (Vec<String>, BTreeSet<String>) {
    let mut waiting =
        needs.iter().map(|(id, needed)| (id.as_str(), needed.len())).collect::<BTreeMap<_, _>>();
    let mut needed_by = BTreeMap::<&str, Vec<&str>>::new();
    for (id, needed) in needs {
        for other in needed {
            needed_by.entry(other).or_default().push(id);
        }
    }
    let mut ready =
        waiting.iter().filter(|(_, count)| **count == 0).map(|(id, _)| *id).collect::<Vec<_>>();
    let mut order = Vec::new();
    while let Some(id) = ready.pop() {
        waiting.remove(id);
        order.push(id.to_owned());
        for other in needed_by.get(id).into_iter().flatten() {
            if let Some(count) = waiting.get_mut(other) {
                *count -= 1;
                if *count == 0 {
                    ready.push(other);
                }
            }
        }
    }
    (order, waiting.into_keys().map(str::to_owned).collect())
}

/// The resources that are in a circle, or on a way between two circles.
pub(super) fn circular(needs: &Needs) -> BTreeSet<String> {
    let (_, stuck) = order(needs);
    let among =
        |one: &String, other: &String| needs.get(one).is_some_and(|needed| needed.contains(other));
    // What only needs a circle without being needed by it: turn the arrows around.
    let turned = stuck
        .iter()
        .map(|id| (id.clone(), stuck.iter().filter(|other| among(other, id)).cloned().collect()))
        .collect();
    order(&turned).1
}

/// Adds every name that intrinsics in `node` mention, whatever it names.
pub(super) fn mentions(node: &Node, names: &mut BTreeSet<String>) {
    if let Some((function, argument)) = node.intrinsic() {
        match function {
            "Ref" | "GetAtt" => {
                let first = argument.items().and_then(|items| items.first());
                let name = argument.text().or_else(|| first.and_then(Node::text));
                let name = name.map(|name| name.split_once('.').map_or(name, |(name, _)| name));
                names.extend(name.map(str::to_owned));
            }
            "Sub" => {
                let first = argument.items().and_then(|items| items.first());
                let text = argument.text().or_else(|| first.and_then(Node::text));
                for part in substitution::parts(text.unwrap_or_default()).unwrap_or_default() {
                    if let Part::Variable(name) = part {
                        let name = name.split_once('.').map_or(name, |(name, _)| name);
                        names.insert(name.to_owned());
                    }
                }
            }
            _ => {}
        }
    }
    match &node.value {
        Value::Sequence(items) => items.iter().for_each(|item| mentions(item, names)),
        Value::Mapping(entries) => entries.iter().for_each(|entry| mentions(&entry.value, names)),
        Value::Scalar(_) | Value::Broken => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(edges: &[(&str, &[&str])]) -> Needs {
        edges
            .iter()
            .map(|(id, needed)| {
                ((*id).to_owned(), needed.iter().map(|id| (*id).to_owned()).collect())
            })
            .collect()
    }

    #[track_caller]
    fn check(edges: &[(&str, &[&str])], expected: &[&str]) {
        let found = circular(&needs(edges));
        assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn each_comes_after_what_it_needs() {
        let (order, stuck) = order(&needs(&[("a", &["b", "c"]), ("b", &["c"]), ("c", &[])]));
        assert_eq!(order, ["c", "b", "a"]);
        assert!(stuck.is_empty());
    }

    #[test]
    fn a_circle_is_found_without_those_beside_it() {
        check(&[("a", &["b"]), ("b", &[])], &[]);
        check(&[("a", &["a"])], &["a"]);
        check(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"])], &["b", "c"]);
        check(&[("b", &["c", "d"]), ("c", &["b"]), ("d", &[])], &["b", "c"]);
    }
}
