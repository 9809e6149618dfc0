//! What a Redis server says of itself.

/// The oldest version that will do. The protocol's revision that is spoken, RESP3, is older by one.
const OLDEST: (u32, u32) = (6, 2);

/// What matters of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Server {
    /// Which run of it this is: another one after each start. Empty if it does not say.
    pub(super) run: String,
    /// Whether it removes what has not expired when its memory is used up.
    pub(super) evicts: bool,
}

impl Server {
    /// Reads the answer to `INFO`, which may be empty: not everybody may ask.
    ///
    /// # Errors
    ///
    /// When the server is too old.
    pub(super) fn parse(info: &str) -> Result<Self, String> {
        let field = |name: &str| {
            let mut fields = info.lines().filter_map(|line| line.split_once(':'));
            fields.find(|(field, _)| *field == name).map(|(_, value)| value.trim())
        };
        if let Some(version) = field("redis_version") {
            let mut numbers = version.split('.').map_while(|number| number.parse().ok());
            if let (Some(major), Some(minor)) = (numbers.next(), numbers.next())
                && (major, minor) < OLDEST
            {
                return Err(format!("it is Redis {version}, and {}.{} is the oldest that will do", OLDEST.0, OLDEST.1));
            }
        }
        let bounded = field("maxmemory").is_some_and(|bytes| bytes != "0");
        let evicts = bounded && field("maxmemory_policy").is_some_and(|policy| policy != "noeviction");
        Ok(Self { run: field("run_id").unwrap_or_default().to_owned(), evicts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matters_is_read() {
        let info = "# Server\r\nredis_version:7.0.15\r\nrun_id:abc\r\n# Memory\r\nmaxmemory:1000\r\n\
                    maxmemory_policy:allkeys-lru\r\n";
        assert_eq!(Server::parse(info), Ok(Server { run: "abc".to_owned(), evicts: true }));
        let unbounded = info.replace("maxmemory:1000", "maxmemory:0");
        assert!(!Server::parse(&unbounded).unwrap().evicts);
        assert!(!Server::parse(&info.replace("allkeys-lru", "noeviction")).unwrap().evicts);
        assert_eq!(Server::parse(""), Ok(Server { run: String::new(), evicts: false }));
        let old = Server::parse("redis_version:6.0.16").unwrap_err();
        assert_eq!(old, "it is Redis 6.0.16, and 6.2 is the oldest that will do");
        assert!(Server::parse("redis_version:6.2.0").is_ok() && Server::parse("redis_version:255.255.255").is_ok());
    }
}
