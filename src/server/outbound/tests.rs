use std::future::poll_fn;
use std::sync::Arc;

use super::*;

fn queue() -> Arc<Outbound> {
    Arc::new(Outbound::new(QueueLimits { events: 2, bytes: 10, stall: Duration::from_secs(30) }))
}

fn message(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_waits_for_its_reader_and_loses_nothing() {
    let queue = queue();
    let writer = {
        let queue = Arc::clone(&queue);
        async move {
            for text in ["one", "two", "three", "four"] {
                queue.send(message(text)).await;
            }
            queue.finish(message("answer"));
        }
    };
    let reader = async {
        let mut read = Vec::new();
        while let Read::Messages { messages, last } = poll_fn(|cx| queue.poll_read(cx)).await {
            read.extend(messages);
            if last {
                break;
            }
        }
        read
    };
    let ((), read) = tokio::join!(writer, reader);
    assert_eq!(read, ["one", "two", "three", "four", "answer"]);
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_nobody_reads_is_cut_after_the_stall() {
    let queue = queue();
    let began = Instant::now();
    for text in ["one", "two", "three"] {
        queue.send(message(text)).await;
    }
    assert_eq!(began.elapsed(), Duration::from_secs(30));
    queue.watch().await;
    assert_eq!(poll_fn(|cx| queue.poll_read(cx)).await, Read::Cut);
    queue.send(message("dropped")).await;
    assert!(queue.take().is_empty());
}

#[tokio::test(start_paused = true)]
async fn progress_never_goes_back() {
    let queue = queue();
    queue.send_progress(message("6"), 6.0);
    queue.send_progress(message("5"), 5.0);
    assert_eq!(queue.take(), [message("6")]);
}

#[tokio::test(start_paused = true)]
async fn a_single_message_that_nobody_reads_is_cut_too() {
    let queue = queue();
    queue.send(message("one")).await;
    let began = Instant::now();
    queue.watch().await;
    assert_eq!(began.elapsed(), Duration::from_secs(30));
    assert_eq!(poll_fn(|cx| queue.poll_read(cx)).await, Read::Cut);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_comes_back_in_time_keeps_its_stream() {
    let queue = queue();
    queue.send(message("one")).await;
    queue.send(message("two")).await;
    let late = async {
        tokio::time::sleep(Duration::from_secs(29)).await;
        poll_fn(|cx| queue.poll_read(cx)).await
    };
    let (read, ()) = tokio::join!(late, queue.send(message("three")));
    assert_eq!(read, Read::Messages { messages: [message("one"), message("two")].into(), last: false });
    assert_eq!(queue.take(), [message("three")]);
}
