use crate::rig::{Rig, Stream};

#[test]
fn explore() {
    let rig = Rig::new();
    for _ in 0..3 {
        for session in [true, false] {
            let ids = rig.run(async {
                let mut ids = Vec::new();
                for _ in 0..1000 {
                    ids.push(rig.open().await);
                }
                ids
            });
            let (streams, live) = rig.live(async {
                let mut all = Vec::new();
                for id in &ids {
                    all.push(
                        Stream::of(rig.call(session.then_some(id), r#""says":1,"yields":0,"waits":true"#).await).await,
                    );
                }
                all
            });
            println!("call {session} {}", live / 1_000);
            let ((), live) = rig.live(async {
                drop(streams);
                for id in ids {
                    rig.delete(&id).await
                }
                for _ in 0..10 {
                    tokio::task::yield_now().await;
                }
            });
            println!("dropped {live}");
        }
    }
}
