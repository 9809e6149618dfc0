//! Ids that are written differently and are the same: JSON has one kind of number.

use serde_json::{Value, json};

use crate::{
    rig::{Probe, Session, patient, server_with, session},
    support::{Ask, LATEST_SESSION, pass, raw, secs, soon},
};

/// A message with an id that is written just so.
fn ask(session: &Session, body: String) -> Ask {
    raw(body).header("mcp-session-id", &session.id).header("mcp-protocol-version", LATEST_SESSION)
}

fn wait(session: &Session, id: &str) -> Ask {
    let params = r#"{"name":"wait","arguments":{}}"#;
    ask(session, format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{params}}}"#))
}

fn cancel(session: &Session, id: &str) -> Ask {
    let params = format!(r#"{{"requestId":{id}}}"#);
    ask(session, format!(r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{params}}}"#))
}

/// Ids that are the same number.
const SAME: [(&str, &str); 5] = [("1", "1.0"), ("1.0", "1"), ("1", "1e0"), ("-3", "-3.0"), ("0", "0.0")];

/// Ids that are not.
const OTHER: [(&str, &str); 4] = [("1", "\"1\""), ("1", "\"1.0\""), ("1", "-1"), ("1", "2.0")];

#[tokio::test(start_paused = true)]
async fn a_call_is_cancelled_by_its_id_however_it_is_written() {
    let mut failures = Vec::new();
    for (pairs, same) in [(&SAME[..], true), (&OTHER[..], false)] {
        for (running, named) in pairs {
            let probe = Probe::new();
            let mcp = server_with([probe.silent_tool()], |mcp| mcp.limits(patient()));
            let session = session(&mcp).await;
            let call = tokio::spawn(wait(&session, running).owned_to(&mcp));
            probe.started().await;
            let reply = cancel(&session, named).to(&mcp).await;
            assert_eq!(reply.status, 202, "{running}, {named}\n{reply}");
            pass(secs(1)).await;
            if (probe.drops() == 1) != same {
                failures.push(format!("{running} is running, {named} is cancelled: {} was stopped", probe.drops()));
            }
            probe.release();
            let answer = soon("the reply", call).await.expect("no panic").json();
            let id: Value = serde_json::from_str(running).expect("JSON");
            assert_eq!(answer["id"].as_f64(), id.as_f64(), "the id comes back: {answer}");
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

#[tokio::test(start_paused = true)]
async fn an_id_in_flight_is_taken_however_it_is_written() {
    let mut failures = Vec::new();
    for (pairs, same) in [(&SAME[..], true), (&OTHER[..], false)] {
        for (running, second) in pairs {
            let probe = Probe::new();
            let mcp = server_with([probe.silent_tool()], |mcp| mcp.limits(patient()));
            let session = session(&mcp).await;
            let first = tokio::spawn(wait(&session, running).owned_to(&mcp));
            probe.started().await;
            // Whichever of them runs may end.
            let other = tokio::spawn(wait(&session, second).owned_to(&mcp));
            pass(secs(1)).await;
            probe.release();
            probe.release();
            let other = soon("an answer", other).await.expect("no panic").json();
            let refused = other["error"]["code"] == json!(-32600);
            if refused != same {
                failures.push(format!("{running} is running, {second} is sent: {other}"));
            }
            assert_eq!(soon("an answer", first).await.expect("no panic").text(), "done", "{running}, {second}");
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

/// What cannot be an id is refused; nothing is rounded to one.
#[tokio::test(start_paused = true)]
async fn fractions_are_no_ids() {
    let probe = Probe::new();
    let mcp = server_with([probe.silent_tool()], |mcp| mcp.limits(patient()));
    let session = session(&mcp).await;
    for id in ["1.5", "1e-1", "1e300", "-0.5"] {
        let reply = wait(&session, id).to(&mcp).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (400, -32600), "{id}\n{reply}");
    }
    assert_eq!(probe.finished() + probe.drops(), 0, "no handler ran");
}

/// A float of so many digits is easily read as its neighbour: then it is refused, since another id would be answered.
#[tokio::test(start_paused = true)]
async fn no_id_is_rounded_to_another() {
    let mut failures = Vec::new();
    for id in ["9007199254740991", "9007199254740989", "4503599627370497", "1801439850948199", "1234567890123457"] {
        let probe = Probe::new();
        let mcp = server_with([probe.silent_tool()], |mcp| mcp.limits(patient()));
        let session = session(&mcp).await;
        probe.release();
        let reply = wait(&session, &format!("{id}.0")).to(&mcp).await;
        let answer = reply.json();
        let echoed = answer["id"].as_u64().map(|number| number.to_string());
        if reply.status != 400 && echoed.as_deref() != Some(id) {
            failures.push(format!("{id}.0 was asked: {answer}"));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}
