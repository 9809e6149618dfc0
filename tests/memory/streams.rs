use crate::rig::Rig;

#[test]
fn explore() {
    let rig = Rig::new();
    for _ in 0..3 {
        let ids = rig.run(async {
            let mut ids = Vec::new();
            for _ in 0..1000 {
                ids.push(rig.open().await);
            }
            ids
        });
        let (streams, live) = rig.live(async {
            let mut ids2 = Vec::new();
            for id in &ids {
                ids2.push(rig.get(id).await);
            }
            ids2
        });
        println!("get {}", live / 1_000);
        let ((), live) = rig.live(async { drop(streams) });
        println!("dropped {live}");
        let (streams, live) = rig.live(async {
            let mut ids2 = Vec::new();
            for _ in &ids {
                ids2.push(rig.listen().await);
            }
            ids2
        });
        println!("listen {}", live / 1_000);
        let ((), live) = rig.live(async { drop(streams) });
        println!("dropped {live}");
    }
}
