//! Reading the fields of the types that the client generator has made.

use syn::{Attribute, Field};

use super::signature::inner;

/// The name of a field in JSON: what `#[serde(rename = "...")]` says, or its own.
pub(super) fn json_name(field: &Field) -> Option<String> {
    let own = field.ident.as_ref()?.to_string();
    let arguments = serde_arguments(&field.attrs);
    let renamed = arguments.into_iter().find(|(name, _)| name == "rename");
    Some(renamed.and_then(|(_, value)| value).unwrap_or(own))
}

/// Whether a field may be left at its default. A default that the document names is not `Default::default()`, and a
/// member that may be null need not be one that may be absent.
pub(super) fn is_optional(field: &Field) -> bool {
    let arguments = serde_arguments(&field.attrs);
    let is_required = arguments.iter().any(|(name, _)| name == "deserialize_with");
    let has_default = arguments.contains(&("default".to_owned(), None));
    has_default || (inner(&field.ty, "Option").is_some() && !is_required)
}

/// The arguments of `#[serde(...)]`, with their values if they have one.
fn serde_arguments(attributes: &[Attribute]) -> Vec<(String, Option<String>)> {
    let mut arguments = Vec::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        // An attribute of another form is none that the generator writes.
        let _ = attribute.parse_nested_meta(|meta| {
            let value = meta.value().and_then(syn::parse::ParseBuffer::parse::<syn::LitStr>);
            if let Some(name) = meta.path.get_ident() {
                arguments.push((name.to_string(), value.ok().map(|text| text.value())));
            }
            Ok(())
        });
    }
    arguments
}
