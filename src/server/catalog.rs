//! A list of things that are served, in the order they were registered: what is listed page by page, and found by name.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, Guard};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::{BufMut, Bytes, BytesMut};

use crate::protocol::revision::Revision;

/// Something that is listed.
pub(crate) trait Listed {
    /// The name that it is found by.
    fn key(&self) -> &str;

    /// Its entry in the list, as the revision knows it.
    fn encode(&self, revision: Revision) -> Bytes;
}

/// A list that changes while it is read.
#[derive(Debug)]
pub(crate) struct Shelf<T> {
    current: ArcSwap<Catalog<T>>,
    writing: Mutex<()>,
}

/// A list as it is at one time.
#[derive(Debug)]
pub(crate) struct Catalog<T> {
    /// In order of registration.
    entries: Vec<Entry<T>>,
    /// The entries by the digests of their names: numbers are compared faster than names.
    by_digest: Vec<(u64, u32)>,
    /// The first page by revision, which is what nearly every client reads.
    first: [Bytes; Revision::ALL.len()],
    /// The number that the next entry gets. None is given twice, so that a cursor outlives removals.
    next: u64,
    layout: Layout,
}

/// How a list is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    /// The member of the result, as `tools`.
    pub(crate) member: &'static str,
    /// How many entries a page has.
    pub(crate) page: usize,
}

#[derive(Debug)]
struct Entry<T> {
    number: u64,
    enabled: bool,
    item: Arc<T>,
    encoded: [Bytes; Revision::ALL.len()],
}

impl<T> Clone for Entry<T> {
    fn clone(&self) -> Self {
        let Self { number, enabled, item, encoded } = self;
        Self { number: *number, enabled: *enabled, item: Arc::clone(item), encoded: encoded.clone() }
    }
}

/// The name is taken.
#[derive(Debug)]
pub(crate) struct Taken;

impl<T: Listed> Shelf<T> {
    pub(crate) fn new(layout: Layout) -> Self {
        Self { current: ArcSwap::from_pointee(Catalog::new(Vec::new(), 0, layout)), writing: Mutex::new(()) }
    }

    pub(crate) fn load(&self) -> Guard<Arc<Catalog<T>>> {
        self.current.load()
    }

    /// Adds to the end.
    pub(crate) fn add(&self, items: impl IntoIterator<Item = T>) -> Result<(), (T, Taken)> {
        let mut refused = None;
        self.change(|entries, next| {
            let before = entries.len();
            let mut taken: HashSet<String> =
                entries.iter().map(|entry: &Entry<T>| entry.item.key().to_owned()).collect();
            for item in items {
                if !taken.insert(item.key().to_owned()) {
                    refused = Some((item, Taken));
                    entries.truncate(before);
                    return false;
                }
                entries.push(Entry::new(item, *next));
                *next += 1;
            }
            entries.len() > before
        });
        refused.map_or(Ok(()), Err)
    }

    /// Answers whether it was there.
    pub(crate) fn remove(&self, key: &str) -> bool {
        self.change(|entries, _| {
            let before = entries.len();
            entries.retain(|entry| entry.item.key() != key);
            entries.len() < before
        })
    }

    /// Shows or hides an entry, which keeps its place. Answers whether that changed anything.
    pub(crate) fn enable(&self, key: &str, enabled: bool) -> bool {
        self.change(|entries, _| match entries.iter_mut().find(|entry| entry.item.key() == key) {
            Some(entry) if entry.enabled != enabled => {
                entry.enabled = enabled;
                true
            }
            _ => false,
        })
    }

    /// One change at a time; readers go on with what they have.
    fn change(&self, change: impl FnOnce(&mut Vec<Entry<T>>, &mut u64) -> bool) -> bool {
        let _one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let current = self.current.load();
        let (mut entries, mut next) = (current.entries.clone(), current.next);
        let changed = change(&mut entries, &mut next);
        if changed {
            self.current.store(Arc::new(Catalog::new(entries, next, current.layout)));
        }
        changed
    }
}

impl<T: Listed> Entry<T> {
    fn new(item: T, number: u64) -> Self {
        let mut encoded = Revision::ALL.map(|revision| item.encode(revision));
        // Most entries are the same in most revisions, and kept once for them.
        for index in 1..encoded.len() {
            if encoded[index] == encoded[index - 1] {
                encoded[index] = encoded[index - 1].clone();
            }
        }
        Self { number, enabled: true, item: Arc::new(item), encoded }
    }
}

impl<T: Listed> Catalog<T> {
    fn new(entries: Vec<Entry<T>>, next: u64, layout: Layout) -> Self {
        let indices = 0..u32::try_from(entries.len()).unwrap_or(u32::MAX);
        let mut by_digest: Vec<_> =
            indices.zip(&entries).map(|(index, entry)| (digest(entry.item.key()), index)).collect();
        by_digest.sort_unstable();
        let mut catalog = Self { entries, by_digest, first: Default::default(), next, layout };
        catalog.first = Revision::ALL.map(|revision| catalog.page_after(None, revision));
        catalog
    }

    /// What has this name and is enabled.
    pub(crate) fn get(&self, key: &str) -> Option<&Arc<T>> {
        self.find(key).filter(|entry| entry.enabled).map(|entry| &entry.item)
    }

    fn find(&self, key: &str) -> Option<&Entry<T>> {
        let digest = digest(key);
        let from = self.by_digest.partition_point(|(other, _)| *other < digest);
        let alike = self.by_digest[from..].iter().take_while(|(other, _)| *other == digest);
        alike.map(|(_, index)| &self.entries[*index as usize]).find(|entry| entry.item.key() == key)
    }

    /// Whether the name is taken, be it by something that is hidden.
    pub(crate) fn holds(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    /// Everything that is enabled, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<T>> {
        self.entries.iter().filter(|entry| entry.enabled).map(|entry| &entry.item)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// A page as members of the result: `"tools":[..]`, and the cursor of the next one, if there is one.
    ///
    /// # Errors
    ///
    /// When the cursor is none of this list.
    pub(crate) fn page(&self, cursor: Option<&str>, revision: Revision) -> Result<Bytes, InvalidCursor> {
        match cursor {
            None => Ok(self.first[revision.index()].clone()),
            Some(cursor) => {
                let after = self.parse_cursor(cursor).ok_or(InvalidCursor)?;
                Ok(self.page_after(Some(after), revision))
            }
        }
    }

    fn page_after(&self, after: Option<u64>, revision: Revision) -> Bytes {
        let from = self.entries.partition_point(|entry| after.is_some_and(|after| entry.number <= after));
        let mut rest = self.entries[from..].iter().filter(|entry| entry.enabled);
        // Room for each with its comma, and for the name of the list and the cursor.
        let listed = rest.clone().take(self.layout.page);
        let expected: usize = listed.map(|entry| entry.encoded[revision.index()].len() + 1).sum();
        let mut out = BytesMut::with_capacity(expected + 128);
        out.put_u8(b'"');
        out.put_slice(self.layout.member.as_bytes());
        out.put_slice(b"\":[");
        let mut last = None;
        for (index, entry) in rest.by_ref().take(self.layout.page).enumerate() {
            out.put_slice(if index > 0 { b"," } else { b"" });
            out.put_slice(&entry.encoded[revision.index()]);
            last = Some(entry.number);
        }
        out.put_u8(b']');
        if let (Some(last), Some(_)) = (last, rest.next()) {
            out.put_slice(br#","nextCursor":""#);
            out.put_slice(self.format_cursor(last).as_bytes());
            out.put_u8(b'"');
        }
        out.freeze()
    }

    /// The number of the last entry that was listed, and of which list. Whatever comes or goes, the next page begins
    /// behind it. It says nothing of what is listed, so it needs no protection.
    fn format_cursor(&self, last: u64) -> String {
        URL_SAFE_NO_PAD.encode(format!("{}:{last}", self.layout.member))
    }

    fn parse_cursor(&self, cursor: &str) -> Option<u64> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
        let (member, last) = text.split_once(':')?;
        let last: u64 = last.parse().ok()?;
        // One text for one number, and no number that was never given out.
        (member == self.layout.member && last < self.next && self.format_cursor(last) == cursor).then_some(last)
    }
}

/// Tells most names apart. It needs no secret: whoever only asks cannot make two names of a list alike, and where they are
/// alike, since others may choose them, a look-up compares those one by one.
fn digest(key: &str) -> u64 {
    let (words, rest) = key.as_bytes().as_chunks();
    let rest = rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
    let words = words.iter().map(|word| u64::from_le_bytes(*word)).chain([rest]);
    words.fold(key.len() as u64, mix)
}

fn mix(digest: u64, word: u64) -> u64 {
    // The fractional part of the golden ratio: an odd number whose bits are as good as random.
    (digest.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// A cursor that this list did not give out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct InvalidCursor;

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    struct Item(String);

    impl Listed for Item {
        fn key(&self) -> &str {
            &self.0
        }

        fn encode(&self, _: Revision) -> Bytes {
            format!("{:?}", self.0).into()
        }
    }

    fn shelf(page: usize) -> Shelf<Item> {
        let shelf = Shelf::new(Layout { member: "items", page });
        shelf.add((0..7).map(|number| Item(format!("item {number}")))).map_err(|(_, taken)| taken).unwrap();
        shelf
    }

    fn page(shelf: &Shelf<Item>, cursor: Option<&str>) -> (Vec<String>, Option<String>) {
        let members = shelf.load().page(cursor, Revision::V2025_11_25).unwrap();
        let mut value: Value =
            serde_json::from_str(&format!("{{{}}}", std::str::from_utf8(&members).unwrap())).unwrap();
        let items = serde_json::from_value(value["items"].take()).unwrap();
        (items, value["nextCursor"].as_str().map(str::to_owned))
    }

    #[test]
    fn pages_follow_each_other_whatever_comes_and_goes() {
        let shelf = shelf(3);
        let (first, cursor) = page(&shelf, None);
        assert_eq!(first, ["item 0", "item 1", "item 2"]);
        assert!(shelf.remove("item 2") && shelf.remove("item 3") && shelf.enable("item 5", false));
        shelf.add([Item("new".into())]).map_err(|(_, taken)| taken).unwrap();
        let (second, cursor) = page(&shelf, cursor.as_deref());
        assert_eq!(second, ["item 4", "item 6", "new"]);
        assert_eq!(cursor, None);
        assert!(shelf.enable("item 5", true));
        assert_eq!(page(&shelf, None).0, ["item 0", "item 1", "item 4"], "enabled again, in its old place");
    }

    #[test]
    fn a_number_is_never_given_twice() {
        let shelf = shelf(7);
        let all = shelf.load().format_cursor(6);
        shelf.remove("item 6");
        shelf.add([Item("new".into())]).map_err(|(_, taken)| taken).unwrap();
        assert_eq!(page(&shelf, Some(&all)).0, ["new"]);
    }

    #[test]
    fn only_cursors_of_this_list_are_taken() {
        let shelf = shelf(3);
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        for bad in
            ["", "x", "items:1", &encode("items:7"), &encode("items:-1"), &encode("items:01"), &encode("tools:1")]
        {
            assert_eq!(shelf.load().page(Some(bad), Revision::V2025_11_25), Err(InvalidCursor), "{bad}");
        }
    }

    /// Two names of 16 bytes with one digest: the second half makes up for what is different in the first.
    fn alike() -> [String; 2] {
        let half = |number: u32| format!("{number:08}");
        let begun = |half: &str| mix(16, u64::from_le_bytes(half.as_bytes().try_into().unwrap())).rotate_left(5);
        let make_up = |other: &String| {
            let second = u64::from_le_bytes(*b"~~~~~~~~") ^ begun(&half(0)) ^ begun(other);
            String::from_utf8(second.to_le_bytes().into()).ok()
        };
        let other = (1..).map(half).find_map(|other| make_up(&other).map(|second| other + &second)).unwrap();
        [half(0) + "~~~~~~~~", other]
    }

    #[test]
    fn names_with_one_digest_are_told_apart() {
        let names = alike();
        assert_eq!(digest(&names[0]), digest(&names[1]));
        let shelf = shelf(3);
        shelf.add(names.clone().map(Item)).map_err(|(_, taken)| taken).unwrap();
        for name in &names {
            assert_eq!(&shelf.load().get(name).unwrap().0, name);
        }
        assert!(shelf.remove(&names[0]));
        assert!(shelf.load().get(&names[0]).is_none() && shelf.load().get(&names[1]).is_some());
    }

    #[test]
    fn what_is_hidden_is_not_found_and_its_name_is_taken() {
        let shelf = shelf(3);
        assert!(shelf.enable("item 1", false));
        assert!(!shelf.enable("item 1", false));
        assert!(shelf.load().get("item 1").is_none() && shelf.load().get("item 2").is_some());
        assert!(shelf.add([Item("item 1".into())]).is_err());
    }
}
