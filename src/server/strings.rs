//! placeholder
pub(crate) fn read<T: serde::de::DeserializeOwned>(pairs: &[(String, String)]) -> Result<T, String> {
    let value: serde_json::Value = pairs
        .iter()
        .map(|(n, v)| {
            (
                n.clone(),
                serde_json::from_str(v)
                    .ok()
                    .filter(|v: &serde_json::Value| v.is_number() || v.is_boolean())
                    .unwrap_or_else(|| v.as_str().into()),
            )
        })
        .collect();
    serde_json::from_value(value).map_err(|error| error.to_string())
}
