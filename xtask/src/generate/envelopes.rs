//! The part of `operations.rs` that reads from an answer whether the call has succeeded.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{format_ident, quote};
use syn::{ItemStruct, Type};

use super::client::structure;
use super::fields::json_name;
use super::signature::inner;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::spec::model::{Envelope, Member, Model};

/// Implements `Envelope` for the type of an answer.
pub(super) fn envelope_impl(
    response: &Ident,
    envelope: &Envelope,
    client: &syn::File,
    model: &Model,
) -> Result<TokenStream, Vec<Diagnostic>> {
    let Some(item) = structure(client, response) else {
        let message = format!("the answer `{response}` is not an object with members");
        return Err(vec![Diagnostic::new(envelope.code.at, message)]);
    };
    let field = |member: &Member| field(item, member, model);
    let mut errors = Vec::new();
    let mut accept = |result: Result<TokenStream, Diagnostic>| {
        result.unwrap_or_else(|diagnostic| {
            errors.push(diagnostic);
            TokenStream::new()
        })
    };
    let code = accept(field(&envelope.code).and_then(|found| match found {
        Field {
            ident,
            kind: Kind::Integer,
            optional: false,
        } => Ok(quote!(self.#ident.into())),
        Field { .. } => Err(
            Diagnostic::new(envelope.code.at, "the code must be an integer that is always there").expected(format!(
                "`{}` among `required` of `{response}`, with type integer",
                envelope.code.name
            )),
        ),
    }));
    let mut text = |member: &Option<Member>| match member {
        None => quote!(None),
        Some(member) => accept(field(member).and_then(|found| {
            match found {
                Field {
                    ident,
                    kind: Kind::Text,
                    optional: true,
                } => Ok(quote!(self.#ident.as_deref())),
                Field {
                    ident,
                    kind: Kind::Text,
                    optional: false,
                } => Ok(quote!(Some(self.#ident.as_str()))),
                Field { .. } => Err(Diagnostic::new(member.at, format!("`{}` must be text", member.name))
                    .expected("a member with type string and without limits")),
            }
        })),
    };
    let message = text(&envelope.message);
    let request_id = text(&envelope.request_id);
    let gateway_status = match &envelope.gateway_status {
        None => quote!(None),
        Some(member) => accept(field(member).and_then(|found| match found {
            Field {
                ident,
                kind: Kind::Integer,
                optional: true,
            } => Ok(quote!(self.#ident.map(Into::into))),
            Field {
                ident,
                kind: Kind::Integer,
                optional: false,
            } => Ok(quote!(Some(self.#ident.into()))),
            Field { .. } => Err(Diagnostic::new(
                member.at,
                format!("`{}` must be an integer", member.name),
            )),
        })),
    };
    if !errors.is_empty() {
        return Err(errors);
    }
    let success = Literal::i64_unsuffixed(envelope.success);
    Ok(quote! {
        impl Envelope for types::#response {
            const SUCCESS: i64 = #success;

            fn code(&self) -> i64 {
                #code
            }

            fn message(&self) -> Option<&str> {
                #message
            }

            fn request_id(&self) -> Option<&str> {
                #request_id
            }

            fn gateway_status(&self) -> Option<i64> {
                #gateway_status
            }
        }
    })
}

/// Whether two envelopes read the same members.
pub(super) fn same_envelope(one: &Envelope, other: &Envelope) -> bool {
    let names = |envelope: &Envelope| {
        [&envelope.message, &envelope.request_id, &envelope.gateway_status]
            .map(|member| member.as_ref().map(|member| member.name.clone()))
    };
    one.code.name == other.code.name && names(one) == names(other) && one.success == other.success
}

struct Field {
    ident: Ident,
    kind: Kind,
    optional: bool,
}

enum Kind {
    Text,
    Integer,
    Other,
}

/// The field that holds a member of the JSON object.
fn field(item: &ItemStruct, member: &Member, model: &Model) -> Result<Field, Diagnostic> {
    let names: Vec<_> = item
        .fields
        .iter()
        .filter_map(|field| Some((json_name(field)?, field)))
        .collect();
    let Some((_, field)) = names.iter().find(|(name, _)| *name == member.name) else {
        let known = names.iter().map(|(name, _)| name.as_str());
        return Err(
            Diagnostic::new(member.at, format!("`{}` has no member `{}`", item.ident, member.name))
                .expected(format!("one of {}", known.clone().collect::<Vec<_>>().join(", ")))
                .maybe_hint(did_you_mean(&member.name, known)),
        );
    };
    let inside = inner(&field.ty, "Option");
    let last = match inside.unwrap_or(&field.ty) {
        Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()),
        _ => None,
    };
    let kind = match last.as_deref() {
        Some("String") => Kind::Text,
        Some("i64" | "i32" | "i16" | "i8" | "u32" | "u16" | "u8") => Kind::Integer,
        Some(name) if model.integers.iter().any(|integer| integer.name == name) => Kind::Integer,
        Some(_) | None => Kind::Other,
    };
    let ident = field.ident.clone().unwrap_or_else(|| format_ident!("missing"));
    Ok(Field {
        ident,
        kind,
        optional: inside.is_some(),
    })
}
