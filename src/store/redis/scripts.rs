//! What is carried out in Redis: each operation is one script, and so one round trip.

use ::redis::Script;

macro_rules! script {
    ($($file:literal),*) => {
        Script::new(concat!(include_str!("all.lua"), $(include_str!($file)),*))
    };
}

/// The scripts. Redis knows each by its digest, and is sent the text when it does not.
pub(super) struct Scripts {
    pub(super) get: Script,
    pub(super) put: Script,
    pub(super) take: Script,
    pub(super) reserve: Script,
    pub(super) append: Script,
    pub(super) read: Script,
    pub(super) keep: Script,
    pub(super) forget: Script,
    pub(super) tell: Script,
    pub(super) epoch: Script,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            get: script!("values.lua", "get.lua"),
            put: script!("values.lua", "put.lua"),
            take: script!("values.lua", "take.lua"),
            reserve: script!("values.lua", "reserve.lua"),
            append: script!("logs.lua", "append.lua"),
            read: script!("logs.lua", "read.lua"),
            keep: script!("logs.lua", "keep.lua"),
            forget: script!("logs.lua", "forget.lua"),
            tell: script!("tell.lua"),
            epoch: script!("epoch.lua"),
        }
    }
}
