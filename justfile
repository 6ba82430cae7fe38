# Everyday commands. CONTRIBUTING.md lists the same ones: a test compares them.

# Sends real flights through the pipeline, and proves the counts
demo:
    cargo run

# Starts the emulation, and runs it until Ctrl-C
up:
    cargo run -- local up

# Compiles everything, without building it
check:
    cargo check --workspace --all-targets --locked

# Formats the code
fmt:
    cargo fmt --all

# Lints the code
lint:
    cargo clippy --workspace --all-targets --locked -- -D warnings

# Runs all tests
test:
    cargo test --workspace

# Runs the end-to-end tests alone
e2e:
    cargo test --workspace --test e2e

# Runs longer storms than the tests do
storms:
    cargo test --release --workspace --test adversary -- --seeds 0..200 --flights 2000

# Measures what the functions cost
bench:
    cargo bench --workspace --bench functions

# Shows how large the functions are that were built for release, and holds them to their limits
sizes:
    tests/scripts/sizes

# Builds the book into target/book
docs:
    .ci/docs

# Checks licences, bans and sources of dependencies
deny:
    .ci/deny

# Everything that must hold before a change lands
ci:
    .ci/run
