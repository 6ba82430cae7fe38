//! `sluicegate completions`: a script for a shell, which completes verbs and options.

use clap::CommandFactory as _;
use clap_complete::{Shell, generate};

use crate::args::Args;

/// The script without a newline at its end.
pub(crate) fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    generate(shell, &mut Args::command(), "sluicegate", &mut script);
    String::from_utf8_lossy(&script).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use clap::{Command, ValueEnum as _};

    use super::*;

    /// All words of the command line that are not values.
    fn words(command: &Command) -> Vec<String> {
        let mut found = Vec::new();
        for verb in command.get_subcommands() {
            found.push(verb.get_name().to_owned());
            found.extend(words(verb));
        }
        let options = command.get_arguments().filter_map(|argument| argument.get_long());
        found.extend(options.map(str::to_owned));
        found
    }

    #[test]
    fn each_shells_script_has_each_verb_and_each_option() {
        let words = words(&Args::command());
        for expected in ["breaker", "force-open", "compact", "status", "stack", "dedupe-table"] {
            assert!(words.iter().any(|word| word == expected), "{expected}");
        }
        for shell in Shell::value_variants() {
            let script = script(*shell);
            for word in &words {
                assert!(script.contains(word), "{shell}: {word}");
            }
        }
    }
}
