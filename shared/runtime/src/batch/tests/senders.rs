//! Who sent a message first, as its copies and letters say.

use event::Attributes;

use super::*;
use crate::TrustedSenders;

const LATER: FailureKind = FailureKind::Throttled { retry_after: Some(Duration::from_secs(600)) };
const STRANGER: &str = "AROASTRANGER:session";

/// A rig whose queue takes messages of anybody.
fn open_rig(kind: FailureKind) -> Rig {
    let mut rig = Rig::of(&[Act::Fail(kind)]);
    let variables = BTreeMap::from([("TRUSTED_SENDERS", "AROASELF")]);
    rig.batches.policy.trusted_senders = Some(TrustedSenders::read(&variables).unwrap());
    rig
}

fn sent_by(sender: &str, attributes: Attributes) -> Record {
    Record { sender: Some(sender.to_owned()), attributes, ..record(0) }
}

/// The function itself sends a copy, so that SQS names the function as the sender of the copy.
#[tokio::test(start_paused = true)]
async fn copies_and_letters_of_a_message_say_who_sent_it_first() {
    let rig = open_rig(LATER);
    rig.run(vec![sent_by(STRANGER, Attributes::new())]).await;
    let first = rig.copies().remove(0);
    assert_eq!(first.parked.sender.as_deref(), Some(STRANGER));

    let again = open_rig(LATER);
    again.run(vec![sent_by("AROASELF:function", first.message.attributes)]).await;
    let second = again.copies().remove(0);
    assert_eq!((second.parked.sender.as_deref(), second.parked.parks), (Some(STRANGER), 2));

    let last = open_rig(FailureKind::Permanent);
    last.run(vec![sent_by("AROASELF:function", second.message.attributes)]).await;
    assert_eq!(last.letters()[0].1.sender.as_deref(), Some(STRANGER));
}

#[tokio::test(start_paused = true)]
async fn a_letter_that_failed_before_keeps_its_first_sender() {
    let why = Failure::permanent(Code::KeyMissing, "missing");
    for first in [Some(STRANGER), None] {
        let mut letter = event::DeadLetter::new("script", &why, Timestamp::from_unix_ms(7), "m0");
        letter.sender = first.map(str::to_owned);
        let attributes =
            event::DeadLetter::revive(letter.write(Attributes::new()), usize::MAX, None);
        let rig = open_rig(FailureKind::Permanent);
        rig.run(vec![sent_by("AROASELF:redrive", attributes)]).await;
        assert_eq!(rig.letters()[0].1.sender.as_deref(), first, "and not that of redrive");
    }
}

#[tokio::test(start_paused = true)]
async fn a_queue_of_functions_alone_names_no_sender() {
    let rig = Rig::of(&[Act::Fail(LATER)]);
    rig.run(vec![sent_by("AROAINGEST:function", Attributes::new())]).await;
    assert_eq!(rig.copies()[0].parked.sender, None);
    let rig = Rig::of(&[Act::Fail(FailureKind::Permanent)]);
    rig.run(vec![sent_by("AROAINGEST:function", Attributes::new())]).await;
    assert_eq!(rig.letters()[0].1.sender, None);
}
