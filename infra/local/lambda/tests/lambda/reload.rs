//! Hot restart, with a binary that is replaced as cargo does it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde_json::json;
use sluicegate_local_lambda::Origin;

use crate::{World, binaries, document, probe, process_state, until};

/// A folder with a copy of the probe; removed when dropped.
struct Scratch {
    path: PathBuf,
}

impl Scratch {
    fn new() -> Self {
        let name = format!("reload-{}", uuid::Uuid::new_v4());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap();
        fs::copy(binaries().join("probe"), path.join("probe")).unwrap();
        Self { path }
    }

    fn binary(&self) -> PathBuf {
        self.path.join("probe")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Whether the process runs the file that is at `binary` now.
fn runs(pid: u32, binary: &Path) -> bool {
    let inode = |path: &Path| fs::metadata(path).unwrap().ino();
    inode(Path::new(&format!("/proc/{pid}/exe"))) == inode(binary)
}

fn reloads(world: &World) -> Vec<String> {
    let lines = world.lines(Origin::Platform);
    lines.into_iter().filter(|line| line.starts_with("RELOAD")).collect()
}

#[tokio::test]
async fn a_changed_binary_replaces_idle_environments_at_once_and_busy_ones_after_their_invocation()
{
    let scratch = Scratch::new();
    let world = World::new(|config| config.binaries = scratch.path.clone());
    world.lambda.add(probe(|_| {})).unwrap();
    let gate = scratch.path.join("gate");
    let busy = world.begin(json!({ "do": "await", "file": gate })).await;
    let busy_pid = world.pids()[0];
    world.invoke(json!({})).await.unwrap();
    let idle_pid = *world.pids().iter().find(|pid| **pid != busy_pid).unwrap();

    fs::remove_file(scratch.binary()).unwrap();
    world.invoke(json!({})).await.unwrap();
    assert_eq!(world.pids(), [busy_pid, idle_pid], "without a binary the old environments serve");
    // A start meets the missing binary, and waits for the next one.
    let second = world.begin(json!({ "do": "await", "file": gate })).await;
    let lambda = world.lambda.clone();
    let starting = tokio::spawn(async move { lambda.invoke("probe", "{}".into()).await });
    fs::copy(binaries().join("probe"), scratch.binary()).unwrap();
    until("the idle one has ended", || reloads(&world).len() == 1).await;
    assert_eq!(document(&starting.await.unwrap().unwrap()), json!({}));

    assert!(process_state(busy_pid).is_some() && process_state(idle_pid).is_some());
    fs::write(&gate, "").unwrap();
    for finished in [busy, second] {
        let answer = finished.await.unwrap().unwrap();
        assert_eq!((document(&answer), answer.function_error), (json!("opened"), None));
    }
    for pid in [busy_pid, idle_pid] {
        until("not used again", || process_state(pid).is_none()).await;
    }
    world.invoke(json!({})).await.unwrap();
    let pids = world.pids();
    assert!(!pids.is_empty() && pids.iter().all(|pid| runs(*pid, &scratch.binary())), "{pids:?}");
    assert_eq!(reloads(&world).len(), 1, "said once");
    world.lambda.shutdown().await;
}

#[tokio::test]
async fn an_idle_environment_ends_as_soon_as_its_binary_has_changed() {
    let scratch = Scratch::new();
    let world = World::new(|config| config.binaries = scratch.path.clone());
    world.lambda.add(probe(|_| {})).unwrap();
    world.invoke(json!({})).await.unwrap();
    let pid = world.pids()[0];
    let next = scratch.path.join("next");
    fs::copy(binaries().join("probe"), &next).unwrap();
    fs::rename(&next, scratch.binary()).unwrap();
    until("ended", || process_state(pid).is_none()).await;
    let expected =
        "RELOAD probe has changed: 1 idle environments ended, 0 end after their invocation";
    assert_eq!(reloads(&world), [expected]);
    assert_eq!(world.pids(), [0; 0]);
    world.invoke(json!({})).await.unwrap();
    assert!(runs(world.pids()[0], &scratch.binary()));
}
