//! How many pollers there are, and how they stop.

use super::super::lifecycle::TAKES_EFFECT_AFTER;
use super::*;

#[tokio::test]
async fn pollers_grow_with_the_backlog_up_to_the_maximum_concurrency() {
    for (maximum, available, expected) in [(Some(4), 10, 4), (None, 3, 3), (Some(5), 1, 1)] {
        let world = World::new(available);
        world.function.inner.open.send_replace(false);
        for number in 0..20 {
            world.queue.put(&number.to_string(), "x", None);
        }
        let declared =
            EventSourceMapping { batch_size: 1, maximum_concurrency: maximum, ..declared() };
        let mapping = world.start(&declared);
        world.function.running(expected).await;
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
        assert_eq!(*world.function.inner.running.borrow(), expected);
        world.function.inner.open.send_replace(true);
        until("all deleted", || world.queue.deleted().len() == 20).await;
        mapping.stop().await;
    }
}

#[tokio::test]
async fn pollers_leave_when_there_is_nothing_to_do_but_never_all() {
    let world = World::new(10);
    for number in 0..30 {
        world.queue.put(&number.to_string(), "x", None);
    }
    let mapping = world.start(&EventSourceMapping { batch_size: 1, ..declared() });
    until("all deleted", || world.queue.deleted().len() == 30 && mapping.is_idle()).await;
    for _ in 0..3 {
        world.clock.advance(Duration::from_secs(20));
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
    }
    world.queue.put("late", "x", None);
    until("the late one", || world.queue.deleted().contains(&"late".to_owned())).await;
    mapping.stop().await;
}

#[tokio::test]
async fn a_mapping_is_busy_before_its_queue_hands_out() {
    let world = World::new(10);
    let mapping = Arc::new(world.start(&declared()));
    until("at rest", || mapping.is_idle()).await;
    let (seen, looked_at) = (Arc::new(Mutex::new(Vec::new())), Arc::clone(&mapping));
    let sees = Arc::clone(&seen);
    let look = move || sees.lock().unwrap().push(looked_at.activity());
    *world.queue.inner.hands_out.lock().unwrap() = Some(Box::new(look));
    world.queue.put("a", "1", None);
    until("deleted", || world.queue.deleted() == ["a"]).await;
    assert_eq!(*seen.lock().unwrap(), [Activity::Busy]);
}

#[tokio::test]
async fn a_paused_mapping_receives_nothing_until_it_is_resumed() {
    let world = World::new(10);
    let mapping = world.start(&EventSourceMapping { enabled: false, ..declared() });
    world.queue.put("a", "1", None);
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.function.seen().len(), 0);
    mapping.resume();
    until("deleted", || world.queue.deleted() == ["a"]).await;
    mapping.pause();
    world.queue.put("b", "2", None);
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.queue.deleted(), ["a"]);
    mapping.resume();
    until("deleted", || world.queue.deleted() == ["a", "b"]).await;
}

#[tokio::test]
async fn stopping_waits_for_the_batches_at_work() {
    let world = World::new(10);
    world.function.inner.open.send_replace(false);
    world.queue.put("a", "1", None);
    let mapping = world.start(&declared());
    world.function.running(1).await;
    let stopping = tokio::spawn(mapping.stop());
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    assert!(!stopping.is_finished());
    world.function.inner.open.send_replace(true);
    stopping.await.unwrap();
    assert_eq!(world.queue.deleted(), ["a"]);
    world.queue.put("b", "2", None);
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.function.seen().len(), 1);
}

#[tokio::test]
async fn a_mapping_is_busy_until_it_does_what_its_state_says() {
    let world = World::new(10);
    let mapping = world.start(&declared());
    until("at rest", || mapping.is_idle()).await;
    mapping.control.update(Some(false)).unwrap();
    world.clock.advance(TAKES_EFFECT_AFTER);
    assert_eq!((mapping.state(), mapping.activity()), (State::Disabled, Activity::Busy));
    until("at rest", || mapping.is_idle()).await;
    world.queue.put("a", "1", None);
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.queue.deleted(), Vec::<String>::new(), "a disabled mapping receives nothing");
    mapping.control.update(Some(true)).unwrap();
    world.clock.advance(TAKES_EFFECT_AFTER);
    assert_eq!((mapping.state(), mapping.activity()), (State::Enabled, Activity::Busy));
    until("deleted", || world.queue.deleted() == ["a"]).await;
}
