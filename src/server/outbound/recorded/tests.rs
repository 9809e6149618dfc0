use std::future::poll_fn;
use std::time::Duration;

use super::super::QueueLimits;
use super::*;

fn queue() -> Outbound {
    let queue = Outbound::new(QueueLimits { events: 2, bytes: 10, stall: Duration::from_secs(30) }).closable(true);
    queue.record();
    queue
}

fn message(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

fn item(seq: u64, text: &'static str) -> Item {
    Item::Message { seq: Some(seq), message: message(text) }
}

async fn record(queue: &Outbound, seq: u64) -> Said {
    let said = poll_fn(|cx| queue.poll_said(cx)).await;
    for (seq, message) in (seq..).zip(&said.messages) {
        queue.give_back(Some(seq), message.clone(), said.answered && seq == said.messages.len() as u64);
    }
    said
}

fn read(messages: impl IntoIterator<Item = Item>, last: bool) -> Read<VecDeque<Item>> {
    Read::Messages { messages: messages.into_iter().collect(), last }
}

#[tokio::test(start_paused = true)]
async fn a_message_counts_until_it_is_read() {
    let queue = queue();
    queue.send(message("one")).await;
    record(&queue, 1).await;
    queue.send(message("two")).await;
    let began = Instant::now();
    let reading = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        poll_fn(|cx| queue.poll_recorded(cx)).await
    };
    let ((), first) = tokio::join!(queue.send(message("three")), reading);
    assert_eq!((first, began.elapsed()), (read([item(1, "one")], false), Duration::from_secs(5)));
    record(&queue, 2).await;
    assert_eq!(poll_fn(|cx| queue.poll_recorded(cx)).await, read([item(2, "two"), item(3, "three")], false));
    assert_eq!(queue.lock().bytes, 0);
}

#[tokio::test(start_paused = true)]
async fn who_is_gone_holds_nobody_up_and_what_is_said_is_recorded() {
    for leave in [Outbound::close, Outbound::hand_over, Outbound::close_connection] {
        let queue = queue();
        queue.send(message("one")).await;
        record(&queue, 1).await;
        leave(&queue);
        let began = Instant::now();
        for (seq, text) in [(2, "two"), (3, "three"), (4, "four")] {
            queue.send(message(text)).await;
            assert_eq!(record(&queue, seq).await.messages, [message(text)]);
        }
        queue.finish(message("answer"));
        assert!(record(&queue, 1).await.answered);
        assert_eq!((began.elapsed(), queue.lock().bytes), (Duration::ZERO, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_does_not_read_is_cut_and_the_recorder_goes_on() {
    let queue = queue();
    queue.send(message("one")).await;
    record(&queue, 1).await;
    queue.watch().await;
    assert_eq!(poll_fn(|cx| queue.poll_recorded(cx)).await, Read::Cut);
    assert!(queue.was_left());
    queue.send(message("two")).await;
    assert_eq!(record(&queue, 2).await.messages, [message("two")]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_recorder_is_no_slow_reader() {
    let queue = queue();
    for text in ["one", "two"] {
        queue.send(message(text)).await;
    }
    let late = async {
        tokio::time::sleep(Duration::from_secs(100)).await;
        record(&queue, 1).await
    };
    let began = Instant::now();
    let ((), said) = tokio::join!(queue.send(message("three")), late);
    assert_eq!(said.messages.len(), 2);
    assert_eq!(began.elapsed(), Duration::from_secs(130), "from when on it was the reader's turn, who did not come");
    assert_eq!(poll_fn(|cx| queue.poll_recorded(cx)).await, Read::Cut);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_closed_is_read_to_its_end() {
    let queue = queue();
    queue.send(message("one")).await;
    assert!(queue.ask_to_close());
    assert!(record(&queue, 1).await.close);
    queue.close_connection();
    queue.close_connection();
    assert_eq!(poll_fn(|cx| queue.poll_recorded(cx)).await, read([item(1, "one"), Item::Retry], true));
    assert_eq!(poll_fn(|cx| queue.poll_recorded(cx)).await, Read::End);
    queue.watch().await;
    queue.close();
    assert!(!queue.was_left(), "it was the server that ended it");
}

#[tokio::test(start_paused = true)]
async fn the_answer_is_the_end() {
    let queue = queue();
    queue.begin(1);
    queue.finish(message("answer"));
    let said = poll_fn(|cx| queue.poll_said(cx)).await;
    assert_eq!(said, Said { messages: [message("answer")].into(), answered: true, close: false });
    queue.give_back(Some(2), message("answer"), true);
    assert_eq!(poll_fn(|cx| queue.poll_recorded(cx)).await, read([Item::Primer { seq: 1 }, item(2, "answer")], true));
    queue.watch().await;
}

#[tokio::test(start_paused = true)]
async fn who_left_and_cannot_come_back_has_left() {
    type Step = fn(&Outbound);
    let [close, close_connection, hand_over]: [Step; 3] =
        [Outbound::close, Outbound::close_connection, Outbound::hand_over];
    for (reads, breaks, leave, has_left) in [
        (false, false, close, true),
        (true, false, close, false),
        (true, true, close, true),
        (true, false, close_connection, false),
        (true, true, close_connection, true),
        (true, false, hand_over, false),
        (true, true, hand_over, true),
    ] {
        let queue = queue();
        queue.send(message("one")).await;
        record(&queue, 1).await;
        if reads {
            poll_fn(|cx| queue.poll_recorded(cx)).await;
        }
        let mut left = std::pin::pin!(queue.left());
        let mut has = async || tokio::time::timeout(Duration::from_secs(1), left.as_mut()).await.is_ok();
        assert!(!has().await, "it is there");
        leave(&queue);
        if breaks {
            assert!(!has().await, "it may come back");
            queue.cannot_be_resumed();
        }
        assert_eq!(has().await, has_left);
    }
}
