//! Objects read in place: the members of a message go straight into the struct that holds them.
//!
//! serde's derive collects a struct's fields first and moves them together then, and again for each struct around it. A
//! message is read for every request, so it is worth the few lines. Beside that, an array is never taken for an object
//! here, and a member that is there twice is refused, since a proxy could have read the other one.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};

/// A struct whose fields are filled from an object.
pub(crate) trait Fill<'de> {
    /// Reads the value of the member `key` into its field; answers the field's number, or `None` for a member that is
    /// not this struct's.
    fn member<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<Option<u32>, A::Error>;
}

/// Reads an object into a struct.
pub(crate) struct InPlace<'m, T> {
    pub(crate) target: &'m mut T,
    /// Whether `null` stands for an empty object.
    pub(crate) or_null: bool,
}

impl<'de, T: Fill<'de>> DeserializeSeed<'de> for InPlace<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.or_null { deserializer.deserialize_any(self) } else { deserializer.deserialize_map(self) }
    }
}

impl<'de, T: Fill<'de>> Visitor<'de> for InPlace<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = 0u32;
        while let Some(super::text::Text(key)) = map.next_key()? {
            match self.target.member(&key, &mut map)? {
                Some(number) if seen & (1 << number) != 0 => {
                    return Err(serde::de::Error::custom(format_args!("duplicate field `{key}`")));
                }
                Some(number) => seen |= 1 << number,
                None => {
                    map.next_value::<serde::de::IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        if self.or_null { Ok(()) } else { Err(E::invalid_type(serde::de::Unexpected::Unit, &self)) }
    }
}

/// Writes [`Fill`] for a struct: `"member" => field`, or `"member" => { field }` for a struct that is filled itself, and
/// `"member" => { field or null }` where `null` may stand for it.
macro_rules! fill {
    ($name:ident { $($number:literal $key:literal => $target:tt),* $(,)? }) => {
        impl<'de: 'a, 'a> $crate::protocol::fill::Fill<'de> for $name<'a> {
            #[inline]
            fn member<A: serde::de::MapAccess<'de>>(
                &mut self,
                key: &str,
                map: &mut A,
            ) -> Result<Option<u32>, A::Error> {
                match key {
                    $($key => { $crate::protocol::fill::fill!(@read self map $target); Ok(Some($number)) })*
                    _ => Ok(None),
                }
            }
        }

        impl<'de: 'a, 'a> serde::Deserialize<'de> for $name<'a> {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let mut target = Self::default();
                let seed = $crate::protocol::fill::InPlace { target: &mut target, or_null: false };
                serde::de::DeserializeSeed::deserialize(seed, deserializer)?;
                Ok(target)
            }
        }
    };
    (@read $this:ident $map:ident { $field:ident }) => {
        $map.next_value_seed($crate::protocol::fill::InPlace { target: &mut $this.$field, or_null: false })?
    };
    (@read $this:ident $map:ident { $field:ident or null }) => {
        $map.next_value_seed($crate::protocol::fill::InPlace { target: &mut $this.$field, or_null: true })?
    };
    (@read $this:ident $map:ident $field:ident) => { $this.$field = $map.next_value()? };
}

pub(crate) use fill;
