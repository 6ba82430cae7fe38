//! A function of ours beside the bare one: what both are started with, and what both come to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use sluicegate_tests::World;

use crate::host::Host;
use crate::invocation::variables;
use crate::process::memory_mb;
use crate::side::Side;
use crate::size::zipped_mb;
use crate::table::{Budget, Table, median};

pub(crate) struct Twins {
    name: &'static str,
    callers: String,
    ours: PathBuf,
    bare: PathBuf,
    our_env: BTreeMap<String, String>,
    bare_env: BTreeMap<String, String>,
}

impl Twins {
    /// `name` is that of the binary, `function` the template's; their calls are counted as those of
    /// `ours-<callers>` and `bare-<callers>`.
    pub(crate) fn new(
        world: &World,
        folder: &Path,
        name: &'static str,
        function: &str,
        callers: &str,
        bare_only: &[(&str, String)],
    ) -> Self {
        let endpoint = world.emulation().endpoint();
        let env = |side: &str| variables(world, function, &format!("{side}-{callers}"), endpoint);
        let mut bare_env = env("bare");
        bare_env.extend(bare_only.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        Self {
            name,
            callers: callers.to_owned(),
            ours: folder.join(name),
            bare: folder.join(format!("bare-{name}")),
            our_env: env("ours"),
            bare_env,
        }
    }

    /// From spawn to the first request for work, over so many starts of each, in turns.
    pub(crate) async fn starts(&self, times: usize, table: &mut Table) {
        let (mut ours, mut bare) = (Vec::new(), Vec::new());
        for _ in 0..times {
            ours.push(Host::start(&self.ours, &self.our_env).await.start.as_secs_f64() * 1e3);
            bare.push(Host::start(&self.bare, &self.bare_env).await.start.as_secs_f64() * 1e3);
        }
        table.add(self.name, "start, ms", (median(ours), median(bare)), Budget::Ratio(1.3));
    }

    pub(crate) async fn ours(&self) -> Side {
        Side::start(&self.ours, &self.our_env).await
    }

    pub(crate) async fn bare(&self) -> Side {
        Side::start(&self.bare, &self.bare_env).await
    }

    /// The medians of their rounds. `of` tells batches apart where there are several sizes.
    pub(crate) fn cpu(&self, of: &str, ours: &mut Side, bare: &mut Side, table: &mut Table) {
        let (ours, bare) = (std::mem::take(&mut ours.cpu_ms), std::mem::take(&mut bare.cpu_ms));
        let cpu = (median(ours), median(bare));
        table.add(self.name, format!("CPU per event, ms{of}"), cpu, Budget::Ratio(1.5));
    }

    pub(crate) fn memory(
        &self,
        of: &str,
        ours: &Side,
        bare: &Side,
        budget: Budget,
        table: &mut Table,
    ) {
        let (ours, bare) = (memory_mb(ours.host.pid()), memory_mb(bare.host.pid()));
        table.add(self.name, format!("resident, MB{of}"), (ours.0, bare.0), budget);
        let peak = (ours.1, bare.1);
        table.add(self.name, format!("resident at its peak, MB{of}"), peak, Budget::None);
    }

    pub(crate) fn sizes(&self, below_mb: f64, table: &mut Table) {
        let zipped = (zipped_mb(&self.ours), zipped_mb(&self.bare));
        table.add(self.name, "zipped, MB", zipped, Budget::Below(below_mb));
    }

    /// AWS calls a batch, by operation, after so many batches.
    pub(crate) fn calls(&self, world: &World, of: &str, batches: usize, table: &mut Table) {
        let calls = world.emulation().calls();
        let callers = ["ours", "bare"].map(|side| format!("{side}-{}", self.callers));
        let per_batch = |caller: &str, operation: &str| {
            let counts = calls.iter().filter(|(call, _)| call.caller == caller);
            let count: u64 =
                counts.filter(|(call, _)| call.operation == operation).map(|(_, n)| n).sum();
            f64::from(u32::try_from(count).unwrap()) / f64::from(u32::try_from(batches).unwrap())
        };
        let of_both = calls.keys().filter(|call| callers.contains(&call.caller));
        let operations: BTreeSet<&String> = of_both.map(|call| &call.operation).collect();
        for operation in operations {
            let counts = (per_batch(&callers[0], operation), per_batch(&callers[1], operation));
            // What ours alone reads is the table of breakers, once a second.
            let budget = match counts.1 == 0.0 {
                true => Budget::Below(0.5),
                false => Budget::Ratio(1.1),
            };
            table.add(self.name, format!("{operation} for {of}"), counts, budget);
        }
    }
}
