use crate::rig::Rig;

#[test]
fn explore() {
    let rig = Rig::new();
    rig.run(async {
        for _ in 0..10 {
            let id = rig.open().await;
            rig.delete(&id).await;
        }
    });
    let (ids, live) = rig.live(async {
        let mut ids = Vec::new();
        for _ in 0..10_000 {
            ids.push(rig.open().await);
        }
        ids
    });
    println!("session {}", live / 10_000 - 56);
    let ((), live) = rig.live(async {
        for id in ids {
            rig.delete(&id).await
        }
    });
    println!("deleted {live}");
}
