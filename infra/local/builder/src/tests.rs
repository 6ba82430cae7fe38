use std::fs;

use super::*;

/// A workspace of its own, without dependencies; removed when dropped.
struct Workspace {
    root: PathBuf,
}

impl Workspace {
    fn new(main: &str) -> Self {
        let root = std::env::temp_dir().join(format!("build-{}", uuid::Uuid::new_v4()));
        fs::create_dir_all(root.join("sink/src")).unwrap();
        fs::write(root.join("Cargo.toml"), "[workspace]\nresolver = \"3\"\nmembers = [\"sink\"]\n")
            .unwrap();
        let manifest = "[package]\nname = \"table-sink\"\nedition = \"2024\"\n\n[[bin]]\n\
                        name = \"sink\"\npath = \"src/main.rs\"\n";
        fs::write(root.join("sink/Cargo.toml"), manifest).unwrap();
        fs::write(root.join("sink/src/main.rs"), main).unwrap();
        Self { root }
    }

    async fn build(&self, binaries: &[&str]) -> (Result<PathBuf, BuildError>, Vec<String>) {
        let binaries: Vec<String> = binaries.iter().map(|&name| name.to_owned()).collect();
        let build = Build {
            root: &self.root,
            profile: Profile::Dev,
            binaries: &binaries,
            alongside: Some("table-sink"),
            target: Some(&self.root.join("target")),
        };
        let mut lines = Vec::new();
        let built = build_functions(&build, |line| lines.push(line.to_owned())).await;
        (built, lines)
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

#[tokio::test]
async fn a_binary_is_built_whatever_its_package_is_called_and_cargo_is_heard() {
    let workspace = Workspace::new("fn main() {}");
    let (folder, lines) = workspace.build(&["sink"]).await;
    assert!(folder.unwrap().join("sink").is_file());
    assert!(lines.iter().any(|line| line.contains("Compiling table-sink")), "{lines:?}");
    let (folder, lines) = workspace.build(&["sink"]).await;
    assert!(folder.unwrap().join("sink").is_file(), "what is fresh is told, too");
    assert!(!lines.iter().any(|line| line.contains("Compiling")), "{lines:?}");
}

#[tokio::test]
async fn what_does_not_compile_is_shown_with_the_compilers_words() {
    let workspace = Workspace::new("fn main() { nonsense }");
    let (built, lines) = workspace.build(&["sink"]).await;
    let text = built.unwrap_err().to_string();
    assert!(text.contains("cannot find value `nonsense`"), "{text}");
    assert!(lines.iter().any(|line| line.contains("nonsense")));
}

#[tokio::test]
async fn a_binary_that_no_package_has_is_named() {
    let workspace = Workspace::new("fn main() {}");
    let (built, _) = workspace.build(&["sink", "lake"]).await;
    let text = built.unwrap_err().to_string();
    assert!(text.contains("binary lake"), "{text}");
    fs::write(workspace.root.join("Cargo.toml"), "[workspace").unwrap();
    let (built, _) = workspace.build(&["sink"]).await;
    let error = built.unwrap_err();
    assert!(matches!(error, BuildError::Workspace { .. }), "{error}");
}

#[tokio::test]
async fn without_cargo_it_says_what_to_install() {
    let command = Command::new("/nonexistent/cargo");
    let error = run(command, &"/nonexistent/cargo".into(), &mut |_| {}).await.err().unwrap();
    assert!(error.to_string().contains("rustup"), "{error}");
}
