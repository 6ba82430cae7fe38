//! Receipt handles that are expired, stale, used or invented.

use super::World;
use crate::answers::{Answer as _, same};
use crate::rig::cases;

cases!(World: an_expired_handle_deletes_what_was_not_received_again, a_stale_handle_succeeds_and_deletes_nothing, a_made_up_handle_is_refused, visibility_is_changed_in_flight_from_0_seconds_to_12_hours);

async fn received(world: &World, queue: &str) -> String {
    world.receive_one(queue).await.receipt_handle.unwrap()
}

async fn an_expired_handle_deletes_what_was_not_received_again(world: &World) {
    let queue = world.create("q", &[("VisibilityTimeout", "1")]).await;
    world.send(&queue, "a").await;
    let handle = received(world, &queue).await;
    world.pass(1).await;
    world.delete(&queue, &handle).await.unwrap();
    same!(world.depth(&queue).await, (0, 0, 0));
}

async fn a_stale_handle_succeeds_and_deletes_nothing(world: &World) {
    let queue = world.create("q", &[("VisibilityTimeout", "1")]).await;
    world.send(&queue, "a").await;
    let stale = received(world, &queue).await;
    world.pass(1).await;
    world.set(&queue, "VisibilityTimeout", "30").await.unwrap();
    let latest = received(world, &queue).await;
    world.delete(&queue, &stale).await.unwrap();
    same!(world.depth(&queue).await, (0, 1, 0));
    for _ in 0..2 {
        world.delete(&queue, &latest).await.unwrap();
        same!(world.depth(&queue).await, (0, 0, 0));
    }
}

async fn a_made_up_handle_is_refused(world: &World) {
    let (queue, other) = (world.create("q", &[]).await, world.create("other", &[]).await);
    world.send(&other, "a").await;
    let others = received(world, &other).await;
    for handle in ["garbage", others.as_str()] {
        let refused = Err("ReceiptHandleIsInvalid".to_owned());
        same!(world.delete(&queue, handle).await, refused);
        same!(world.hide(&queue, handle, 1).await, refused);
    }
    let request = world.client.delete_message().queue_url(&queue).receipt_handle("garbage");
    let error = request.send().await.refusal().into_service_error();
    assert!(error.is_receipt_handle_is_invalid());
}

async fn visibility_is_changed_in_flight_from_0_seconds_to_12_hours(world: &World) {
    let queue = world.create("q", &[]).await;
    world.send(&queue, "a").await;
    let handle = received(world, &queue).await;
    world.hide(&queue, &handle, 43_200).await.unwrap();
    world.pass(1).await;
    same!(world.depth(&queue).await, (0, 1, 0));
    let refused = Err("InvalidParameterValue".to_owned());
    for seconds in [43_200, 43_201, -1] {
        same!(world.hide(&queue, &handle, seconds).await, refused, "{seconds}");
    }
    world.hide(&queue, &handle, 0).await.unwrap();
    same!(world.depth(&queue).await, (1, 0, 0));

    let request = world.client.change_message_visibility().queue_url(&queue);
    let request = request.receipt_handle(&handle).visibility_timeout(1);
    let error = request.send().await.refusal().into_service_error();
    assert!(error.is_message_not_inflight());
    world.delete(&queue, &handle).await.unwrap();
    same!(world.hide(&queue, &handle, 1).await, refused);
}
