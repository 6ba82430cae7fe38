//! Orders resources by their dependencies, and finds the cycles.

use std::collections::{BTreeMap, BTreeSet};

use super::node::{Node, Value};
use super::substitution::{self, Part};

/// For each resource, the resources that have to be made before it.
pub(super) type Needs = BTreeMap<String, BTreeSet<String>>;

/// An order in which every resource comes after those that it needs, and the resources that have
/// no place in one because they are in a cycle or need one that is.
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

/// The resources that are in a cycle, or on a path between two cycles.
pub(super) fn circular(needs: &Needs) -> BTreeSet<String> {
    let (_, stuck) = order(needs);
    // `stuck` still has resources that need a cycle and are not needed by it. With all dependencies
    // reversed, those can be ordered, and only the cycles and the paths between them remain.
    let mut reversed = Needs::new();
    for id in &stuck {
        let dependents = stuck
            .iter()
            .filter(|other| needs.get(*other).is_some_and(|needed| needed.contains(id)));
        reversed.insert(id.clone(), dependents.cloned().collect());
    }
    order(&reversed).1
}

/// Adds every name that the intrinsics in `node` refer to, whatever kind of thing it names.
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
