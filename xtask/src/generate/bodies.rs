//! `bodies.rs`: what makes the bodies of requests.
//!
//! A body is a struct with public fields: whoever writes it out breaks when it gains an optional member. Its
//! constructor takes the required members only.

use std::collections::BTreeMap;

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::Type;

use super::client::structure;
use super::fields::{is_optional, json_name};
use super::names::snake;
use super::signature::{Argument, arguments, method};
use crate::spec::Document;
use crate::spec::model::Model;
use crate::spec::tree::Node;

/// All constructors.
pub(super) fn generate(document: &Document, model: &Model, client: &syn::File) -> TokenStream {
    let methods = model
        .operations
        .iter()
        .filter_map(|operation| method(client, &format_ident!("{}", snake(&operation.id))));
    let bodies: BTreeMap<_, _> = methods
        .filter_map(|method| constructor(document, &arguments(method)?, client))
        .collect();
    let bodies = bodies.values();
    quote! {
        use super::client::types::*;

        #(#bodies)*
    }
}

/// The name of the type of a method's body, if it has one with members, and the constructor for it.
fn constructor(document: &Document, arguments: &[Argument], client: &syn::File) -> Option<(Ident, TokenStream)> {
    let body = arguments.iter().find(|argument| argument.name == "body")?;
    let Type::Reference(reference) = &body.ty else {
        return None;
    };
    let Type::Path(path) = &*reference.elem else {
        return None;
    };
    let name = &path.path.segments.last()?.ident;
    let item = structure(client, name)?;

    let schema = document
        .root
        .find(&["components", "schemas", &name.to_string(), "properties"]);
    let order: Vec<_> = schema
        .map(Node::entries)
        .unwrap_or_default()
        .iter()
        .map(|entry| entry.key.clone())
        .collect();
    let mut required: Vec<_> = item.fields.iter().filter(|field| !is_optional(field)).collect();
    required.sort_by_key(|field| {
        let name = json_name(field);
        order
            .iter()
            .position(|property| Some(property) == name.as_ref())
            .unwrap_or(usize::MAX)
    });

    let arguments = required.iter().filter_map(|field| {
        let (name, ty) = (field.ident.as_ref()?, &field.ty);
        Some(quote!(#name: #ty))
    });
    let names: Vec<_> = required.iter().filter_map(|field| field.ident.as_ref()).collect();
    let optional = item
        .fields
        .iter()
        .filter(|field| is_optional(field))
        .filter_map(|field| field.ident.as_ref());
    let code = quote! {
        impl #name {
            /// A body with the members that it needs, and none of those that are optional.
            #[must_use]
            pub fn new(#(#arguments),*) -> Self {
                Self { #(#names,)* #(#optional: Default::default(),)* }
            }
        }
    };
    Some((name.clone(), code))
}
