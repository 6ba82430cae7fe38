//! No module imports, through others, what imports it.
//!
//! Modules are compared with their siblings: what a module and the modules inside it import of another
//! module that has the same parent is an arrow from one to the other, and no arrows may form a circle. A
//! module and its own parent may know each other: the parent declares it, and is its front.
//!
//! An import of a name that a module re-exports counts as one of the module that the name comes from. Tests
//! are left out, and so is what stands inside macros.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{Attribute, ItemMod, ItemUse, UseTree};

/// A module's path within its crate; the crate itself is the empty one.
type ModulePath = Vec<String>;

/// What a module's source names: whole paths, such as `["super", "queue", "Queue"]`.
#[derive(Default)]
struct Named {
    /// Of `use` items, which may be re-exports.
    imports: Vec<Vec<String>>,
    /// Of everything else.
    paths: Vec<Vec<String>>,
    /// The modules that it declares for tests alone.
    test_modules: Vec<String>,
}

struct Crate {
    modules: BTreeMap<ModulePath, Named>,
}

impl Crate {
    /// Reads all modules below a crate's `src`, those of its tests aside.
    fn read(src: &Path) -> Self {
        let mut modules = BTreeMap::new();
        for file in rust_files(src) {
            let path = module_path(file.strip_prefix(src).unwrap());
            let text = fs::read_to_string(&file).unwrap();
            let syntax = syn::parse_file(&text)
                .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            let mut named = Named::default();
            named.visit_file(&syntax);
            modules.insert(path, named);
        }
        Self::without_tests(modules)
    }

    fn without_tests(mut modules: BTreeMap<ModulePath, Named>) -> Self {
        let mut of_tests: Vec<ModulePath> = Vec::new();
        for (path, named) in &modules {
            for name in &named.test_modules {
                of_tests.push([path.as_slice(), std::slice::from_ref(name)].concat());
            }
        }
        modules.retain(|path, _| !of_tests.iter().any(|of_test| path.starts_with(of_test)));
        Self { modules }
    }

    /// The module that a path written in `from` leads to; `None` for one of another crate.
    fn resolve(&self, written: &[String], from: &[String]) -> Option<ModulePath> {
        let mut segments = written;
        let mut module = from.to_vec();
        match segments.first()?.as_str() {
            "crate" => module.clear(),
            "self" => {}
            "super" => {
                module.pop();
            }
            first => {
                let child = [from, &[first.to_owned()]].concat();
                if !self.modules.contains_key(&child) {
                    return None;
                }
                return Some(self.descend(child, &segments[1..]));
            }
        }
        segments = &segments[1..];
        while segments.first().is_some_and(|segment| segment == "super") {
            module.pop();
            segments = &segments[1..];
        }
        Some(self.descend(module, segments))
    }

    /// Goes from a module down a path, through the name that ends it if that is re-exported there.
    fn descend(&self, mut module: ModulePath, mut segments: &[String]) -> ModulePath {
        while let [first, rest @ ..] = segments {
            let child = [module.as_slice(), std::slice::from_ref(first)].concat();
            if !self.modules.contains_key(&child) {
                break;
            }
            module = child;
            segments = rest;
        }
        let Some(name) = segments.first() else { return module };
        let named = &self.modules[&module];
        for import in &named.imports {
            let leads_elsewhere = import.last() == Some(name) && import.len() > 1;
            if leads_elsewhere && let Some(origin) = self.resolve(import, &module) {
                return origin;
            }
        }
        module
    }

    /// The modules that each module names, itself aside.
    fn arrows(&self) -> BTreeSet<(ModulePath, ModulePath)> {
        let mut arrows = BTreeSet::new();
        for (from, named) in &self.modules {
            for path in named.imports.iter().chain(&named.paths) {
                if let Some(to) = self.resolve(path, from)
                    && to != *from
                {
                    arrows.insert((from.clone(), to));
                }
            }
        }
        arrows
    }
}

impl<'ast> Visit<'ast> for Named {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if !is_test_only(&item.attrs) {
            flatten(&item.tree, &mut Vec::new(), &mut self.imports);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if is_test_only(&item.attrs) {
            self.test_modules.push(item.ident.to_string());
        } else {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.paths.push(segments);
        visit::visit_path(self, path);
    }
}

fn is_test_only(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Path>().is_ok_and(|condition| condition.is_ident("test"))
    })
}

/// The paths that a `use` item brings in. A glob is its module's path.
fn flatten(tree: &UseTree, before: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    match tree {
        UseTree::Path(path) => {
            before.push(path.ident.to_string());
            flatten(&path.tree, before, found);
            before.pop();
        }
        UseTree::Name(name) if name.ident == "self" => found.push(before.clone()),
        UseTree::Name(name) => found.push([before.as_slice(), &[name.ident.to_string()]].concat()),
        UseTree::Rename(name) => {
            found.push([before.as_slice(), &[name.ident.to_string()]].concat());
        }
        UseTree::Glob(_) => found.push(before.clone()),
        UseTree::Group(group) => {
            for item in &group.items {
                flatten(item, before, found);
            }
        }
    }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// `forecast/mod.rs` and `forecast.rs` are the module `forecast`; `lib.rs` and `main.rs` are the crate.
fn module_path(file: &Path) -> ModulePath {
    let without_extension = file.with_extension("");
    let mut path: ModulePath =
        without_extension.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    let is_root = path.len() == 1 && matches!(path[0].as_str(), "lib" | "main");
    if is_root || path.last().is_some_and(|last| last == "mod") {
        path.pop();
    }
    path
}

/// The arrows between siblings, by their parent. Each names its ends and the modules that it is drawn for.
type Siblings = BTreeMap<ModulePath, BTreeMap<(String, String), String>>;

fn between_siblings(arrows: &BTreeSet<(ModulePath, ModulePath)>) -> Siblings {
    let mut siblings = Siblings::new();
    for (from, to) in arrows {
        let shared = from.iter().zip(to).take_while(|(one, other)| one == other).count();
        if let (Some(one), Some(other)) = (from.get(shared), to.get(shared)) {
            let arrow = format!("{} uses {}", from.join("::"), to.join("::"));
            let of_parent = siblings.entry(from[..shared].to_vec()).or_default();
            of_parent.entry((one.clone(), other.clone())).or_insert(arrow);
        }
    }
    siblings
}

/// The arrows that are part of a circle: those whose end leads back to their beginning.
fn in_circles(arrows: &BTreeMap<(String, String), String>) -> Vec<String> {
    let mut found = Vec::new();
    for ((from, to), arrow) in arrows {
        let mut reached = BTreeSet::from([to]);
        let mut waiting = vec![to];
        while let Some(at) = waiting.pop() {
            for (one, other) in arrows.keys() {
                if one == at && reached.insert(other) {
                    waiting.push(other);
                }
            }
        }
        if reached.contains(from) {
            found.push(arrow.clone());
        }
    }
    found
}

fn circles_of(krate: &Crate) -> Vec<String> {
    between_siblings(&krate.arrows()).values().flat_map(in_circles).collect()
}

#[test]
fn no_modules_import_each_other_in_a_circle() {
    let mut circles = Vec::new();
    for (name, folder) in super::Graph::read().member_folders() {
        let src = folder.join("src");
        for arrow in circles_of(&Crate::read(&src)) {
            circles.push(format!("{name}: {arrow}"));
        }
    }
    assert!(circles.is_empty(), "{} imports form circles:\n{}", circles.len(), circles.join("\n"));
}

#[track_caller]
fn check(sources: &[(&str, &str)], expected: &[&str]) {
    let mut modules = BTreeMap::new();
    for (file, text) in sources {
        let mut named = Named::default();
        named.visit_file(&syn::parse_file(text).unwrap());
        modules.insert(module_path(Path::new(file)), named);
    }
    assert_eq!(circles_of(&Crate::without_tests(modules)), expected);
}

#[test]
fn a_circle_is_seen_through_globs_paths_children_and_re_exports() {
    let lib = ("lib.rs", "mod a; mod b; mod c;");
    check(
        &[lib, ("a.rs", "use crate::b::*;"), ("b.rs", "fn f() { super::a::g() }")],
        &["a uses b", "b uses a"],
    );
    check(
        &[
            lib,
            ("a.rs", "mod inner;"),
            ("a/inner.rs", "use crate::b;"),
            ("b.rs", "use super::c::C;"),
            ("c.rs", "use super::a;"),
        ],
        &["a::inner uses b", "b uses c", "c uses a"],
    );
    let front = ("lib.rs", "mod a; mod b; pub use self::b::B;");
    check(
        &[front, ("a.rs", "use crate::B;"), ("b.rs", "use crate::a;")],
        &["a uses b", "b uses a"],
    );
}

#[test]
fn a_module_and_its_parent_may_know_each_other_and_tests_may_know_all() {
    check(&[("lib.rs", "mod a; use a::A; pub struct B;"), ("a.rs", "use super::B;")], &[]);
    let test = "#[cfg(test)] mod tests { use crate::b::B; }";
    check(&[("lib.rs", "mod a; mod b;"), ("a.rs", test), ("b.rs", "use crate::a;")], &[]);
    let samples = [
        ("lib.rs", "mod a; #[cfg(test)] mod samples;"),
        ("a.rs", "use crate::samples::S;"),
        ("samples.rs", "use crate::a;"),
    ];
    check(&samples, &[]);
}
