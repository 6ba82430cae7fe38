//! The ways by which the events of a dataset may come, and who may use them.

mod kind;
mod raw;
mod senders;

use event::{Code, Failure};

pub use self::kind::SourceKind;
pub(crate) use self::raw::RawSource;
use self::senders::{Naming, Senders};
pub use self::senders::{Sender, SenderError};
use crate::Variables;
use crate::error::{ContractError, invalid};

/// The ways that a contract allows: all of them, unless it names some.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources(Option<Vec<AllowedSource>>);

/// A way that a contract allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedSource {
    /// The way.
    pub kind: SourceKind,
    /// Who may use it. `None` for everybody whom AWS lets.
    senders: Option<Senders>,
}

impl AllowedSource {
    fn validate(raw: RawSource) -> Result<Self, ContractError> {
        let RawSource { kind, senders } = raw;
        let Some(texts) = senders else { return Ok(Self { kind, senders: None }) };
        let refused = |problem: &str| Err(invalid("sources", &format!("`{kind}`: {problem}")));
        let naming = match kind {
            SourceKind::Inbox | SourceKind::Http => naming(kind),
            SourceKind::Files => {
                return refused(
                    "takes no `senders`: the policy of the bucket says who may put objects below the dataset's folder",
                );
            }
            SourceKind::Streams => {
                return refused(
                    "takes no `senders`: ingest is invoked by the event source mappings of the template",
                );
            }
        };
        if texts.is_empty() {
            return refused("`senders` is empty; expected who may send, or no `senders`");
        }
        match Senders::parse(texts, naming) {
            Ok(senders) => Ok(Self { kind, senders: Some(senders) }),
            Err(error) => refused(&error.to_string()),
        }
    }

    /// Who may use this way, as the contract has it: unique ids and ARNs, maybe with places for variables. `None` for
    /// everybody.
    #[must_use]
    pub fn senders(&self) -> Option<Vec<&str>> {
        Some(self.senders.as_ref()?.texts().collect())
    }
}

impl Sources {
    pub(crate) fn validate(listed: Option<Vec<RawSource>>) -> Result<Self, ContractError> {
        let Some(listed) = listed else { return Ok(Self(None)) };
        if listed.is_empty() {
            return Err(invalid(
                "sources",
                "empty; expected some of inbox, http, files and streams, or no `sources`",
            ));
        }
        let mut allowed: Vec<AllowedSource> = Vec::with_capacity(listed.len());
        for raw in listed {
            if allowed.iter().any(|other| other.kind == raw.kind) {
                return Err(invalid("sources", &format!("`{}` is there twice", raw.kind)));
            }
            allowed.push(AllowedSource::validate(raw)?);
        }
        Ok(Self(Some(allowed)))
    }

    /// The ways that are allowed, in the order of the file; `None` if all are.
    #[must_use]
    pub fn listed(&self) -> Option<&[AllowedSource]> {
        self.0.as_deref()
    }

    /// Checks that an event may come from this `source`, as [`SourceKind::of`] reads it.
    ///
    /// # Errors
    /// [`Code::SourceRefused`], permanent. The reason names the ways that are allowed.
    pub fn check(&self, source: &str) -> Result<(), Failure> {
        let (Some(allowed), Some(kind)) = (&self.0, SourceKind::of(source)) else { return Ok(()) };
        if allowed.iter().any(|source| source.kind == kind) {
            return Ok(());
        }
        let allowed: Vec<String> = allowed.iter().map(|source| source.kind.to_string()).collect();
        let reason = format!(
            "it came by `{kind}`, and the contract takes events of the dataset from {}",
            allowed.join(", ")
        );
        Err(Failure::permanent(Code::SourceRefused, reason))
    }

    /// Checks that a sender may use a way. Whoever sends is allowed if the contract does not say who may, and so is
    /// every way that it does not list: [`Sources::check`] refuses those.
    ///
    /// # Errors
    /// [`Code::SourceRefused`], permanent. The reason names the sender and none of those who may.
    /// [`Code::ContractBroken`], transient, if a variable that names who may has no value that can be used.
    pub fn check_sender(
        &self,
        kind: SourceKind,
        sender: Sender<'_>,
        variables: &Variables,
    ) -> Result<(), Failure> {
        let allowed = self.0.iter().flatten().find(|source| source.kind == kind);
        let Some(senders) = allowed.and_then(|source| source.senders.as_ref()) else {
            return Ok(());
        };
        match senders.include(sender, variables, naming(kind)) {
            Ok(true) => Ok(()),
            Ok(false) => Err(refused(kind, sender)),
            Err(error) => {
                let reason = format!("`sources` of the contract cannot be used: {error}");
                Err(Failure::transient(Code::ContractBroken, reason))
            }
        }
    }

    /// Checks that all senders can be used with the variables of an environment.
    ///
    /// # Errors
    /// The first problem, which names the file and the variable, or what a value is.
    pub fn check_variables(&self, variables: &Variables) -> Result<(), SenderError> {
        for source in self.0.iter().flatten() {
            if let Some(senders) = &source.senders {
                senders.check(variables, naming(source.kind))?;
            }
        }
        Ok(())
    }
}

/// What names a sender by this way.
fn naming(kind: SourceKind) -> Naming {
    match kind {
        SourceKind::Http => Naming::IdsAndArns,
        SourceKind::Inbox | SourceKind::Files | SourceKind::Streams => Naming::Ids,
    }
}

fn refused(kind: SourceKind, sender: Sender<'_>) -> Failure {
    let reason = match sender.name() {
        Some(name) => format!(
            "`{name}` sent it, and may not: if it may, add it to `senders` of `{kind}` in the contract's `sources`"
        ),
        None => format!(
            "it is not known who sent it, and the contract names in `sources` who may send by `{kind}`"
        ),
    };
    Failure::permanent(Code::SourceRefused, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUEUE: &str = "arn:aws:sqs:eu-west-1:123456789012:sluicegate-Inbox-1A2B";
    const OBJECT: &str = "arn:aws-cn:s3:::landing/orders/a:sqs:b.csv";

    fn sources(yaml: &str) -> Result<Sources, ContractError> {
        Sources::validate(serde_saphyr::from_str(yaml).unwrap())
    }

    #[test]
    fn what_a_contract_does_not_list_is_refused() {
        for source in [QUEUE, OBJECT, "/orders", "shop"] {
            assert_eq!(Sources::default().check(source), Ok(()));
        }
        let some = sources("[files, http: {senders: [AROA1234567890ABCDEF]}]").unwrap();
        for source in [OBJECT, "/orders", "shop"] {
            assert_eq!(some.check(source), Ok(()));
        }
        let failure = some.check(QUEUE).unwrap_err();
        assert_eq!(failure.code, Code::SourceRefused);
        assert!(failure.reason.contains("it came by `inbox`"), "{failure}");
        assert!(failure.reason.ends_with("from files, http"), "{failure}");
    }

    #[test]
    fn a_list_that_says_nothing_is_refused() {
        for (yaml, told) in [
            ("[]", "`sources`: empty"),
            ("[http, http]", "`http` is there twice"),
            ("[http, http: {senders: [AROA1234567890ABCDEF]}]", "`http` is there twice"),
            ("[http: {senders: []}]", "`http`: `senders` is empty"),
            ("[inbox: {senders: [checkout]}]", "`inbox`: `checkout` is no unique id"),
            ("[files: {senders: [AROA1234567890ABCDEF]}]", "the policy of the bucket says who"),
            ("[streams: {senders: [AROA1234567890ABCDEF]}]", "the event source mappings"),
        ] {
            let error = sources(yaml).unwrap_err().to_string();
            assert!(error.contains(told), "{yaml}: {error}");
        }
    }

    #[test]
    fn what_is_no_source_is_refused_with_what_was_expected() {
        for (yaml, told) in [
            ("[smtp]", "smtp"),
            ("[7]", "expected inbox, http, files or streams"),
            ("[{}]", "expected inbox, http, files or streams"),
            ("[{inbox: , http: }]", "expected inbox, http, files or streams"),
            ("[inbox: {callers: [a]}]", "callers"),
        ] {
            let error = serde_saphyr::from_str::<Vec<RawSource>>(yaml).unwrap_err().to_string();
            assert!(error.contains(told), "{yaml}: {error}");
        }
        let plain: Vec<RawSource> = serde_saphyr::from_str("[inbox: , http: {}]").unwrap();
        assert!(plain.iter().all(|source| source.senders.is_none()), "{plain:?}");
    }

    #[test]
    fn who_is_not_listed_is_refused_by_name_and_nobody_else_is_named() {
        let variables = Variables::parse("variables/test.yaml", "variables: {}").unwrap();
        let some = sources("[inbox: {senders: [AROA1234567890ABCDEF]}, http]").unwrap();
        let check =
            |kind, id: Option<&str>| some.check_sender(kind, Sender { id, arn: None }, &variables);
        assert_eq!(check(SourceKind::Inbox, Some("AROA1234567890ABCDEF:s")), Ok(()));
        for kind in [SourceKind::Http, SourceKind::Files] {
            assert_eq!(check(kind, None), Ok(()), "{kind} names nobody");
        }
        let failure = check(SourceKind::Inbox, Some("AROA0000000000000000:ada@shop")).unwrap_err();
        assert_eq!(
            (failure.code, failure.kind),
            (Code::SourceRefused, event::FailureKind::Permanent)
        );
        assert!(failure.reason.starts_with("`AROA0000000000000000` sent it"), "{failure}");
        assert!(!failure.reason.contains("ada") && !failure.reason.contains("AROA1234"));
        let failure = check(SourceKind::Inbox, None).unwrap_err();
        assert!(failure.reason.starts_with("it is not known who sent it"), "{failure}");
    }

    #[test]
    fn a_variable_without_a_value_is_the_contract_s_failure() {
        let variables = Variables::parse("variables/test.yaml", "variables: {}").unwrap();
        let some = sources("[inbox: {senders: ['{CHECKOUT}']}]").unwrap();
        let failure = some.check_sender(SourceKind::Inbox, Sender::default(), &variables);
        assert_eq!(failure.unwrap_err().code, Code::ContractBroken);
        let error = some.check_variables(&variables).unwrap_err().to_string();
        assert!(error.contains("variables/test.yaml has no CHECKOUT"), "{error}");
    }
}
