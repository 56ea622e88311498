//! `bodies.rs`: what makes the bodies of requests, and the objects in them.
//!
//! They are structs with public fields: whoever writes one out breaks when it gains an optional member. Its constructor
//! takes the required members only, and each optional member has a method of its own.

use std::collections::BTreeMap;

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::visit::{self, Visit};
use syn::{Field, ItemStruct, Type};

use super::client::structure;
use super::doc_text::{doc_comment, to_rustdoc};
use super::fields::{is_optional, json_name};
use super::names::snake;
use super::signature::{arguments, inner, method};
use crate::spec::Document;
use crate::spec::model::Model;
use crate::spec::tree::Node;

/// The methods of all objects that a request may hold.
pub(super) fn generate(document: &Document, model: &Model, client: &syn::File) -> TokenStream {
    let mut found = Objects {
        client,
        structures: BTreeMap::new(),
    };
    let methods = model
        .operations
        .iter()
        .filter_map(|operation| method(client, &format_ident!("{}", snake(&operation.id))));
    for argument in methods.filter_map(arguments).flatten() {
        if argument.name == "body" {
            found.visit_type(&argument.ty);
        }
    }
    let objects = found.structures.values().map(|item| object(document, item));
    quote! {
        use super::client::types::*;

        #(#objects)*
    }
}

/// The structs that a type refers to, and those that they refer to in turn.
struct Objects<'a> {
    client: &'a syn::File,
    structures: BTreeMap<Ident, &'a ItemStruct>,
}

impl<'a> Visit<'a> for Objects<'_> {
    fn visit_path_segment(&mut self, segment: &'a syn::PathSegment) {
        let item = structure(self.client, &segment.ident);
        let item = item.filter(|item| matches!(item.fields, syn::Fields::Named(_)));
        if let Some(item) = item
            && self.structures.insert(segment.ident.clone(), item).is_none()
        {
            for field in &item.fields {
                self.visit_type(&field.ty);
            }
        }
        visit::visit_path_segment(self, segment);
    }
}

fn object(document: &Document, item: &ItemStruct) -> TokenStream {
    let name = &item.ident;
    let order = properties(document, name);
    let mut fields: Vec<&Field> = item.fields.iter().collect();
    fields.sort_by_key(|field| {
        let name = json_name(field);
        let position = order.iter().position(|property| Some(*property) == name.as_deref());
        position.unwrap_or(usize::MAX)
    });
    let (optional, required): (Vec<&Field>, Vec<&Field>) = fields.into_iter().partition(|field| is_optional(field));

    let arguments = required.iter().filter_map(|field| {
        let (name, ty) = (field.ident.as_ref()?, &field.ty);
        Some(quote!(#name: #ty))
    });
    let required_names = required.iter().filter_map(|field| field.ident.as_ref());
    let optional_names = optional.iter().filter_map(|field| field.ident.as_ref());
    let setters = optional.iter().filter_map(|field| setter(field));
    let doc = if required.is_empty() {
        "One without any members: none is required."
    } else {
        "One with the members that are required, and none of those that are optional."
    };
    quote! {
        impl #name {
            #[doc = #doc]
            #[must_use]
            pub fn new(#(#arguments),*) -> Self {
                Self { #(#required_names,)* #(#optional_names: Default::default(),)* }
            }

            #(#setters)*
        }
    }
}

/// The members of an object in the order of the document.
fn properties<'a>(document: &'a Document, name: &Ident) -> Vec<&'a str> {
    let properties = document
        .root
        .find(&["components", "schemas", &name.to_string(), "properties"]);
    let properties = properties.map(Node::entries).unwrap_or_default();
    properties.iter().map(|entry| entry.key.as_str()).collect()
}

fn setter(field: &Field) -> Option<TokenStream> {
    let name = field.ident.as_ref()?;
    // `type_` is `type`, which Rust keeps for itself; `with_type` is free.
    let setter = format_ident!("with_{}", name.to_string().trim_end_matches('_'));
    let inside = inner(&field.ty, "Option");
    let (ty, value) = argument(name, inside.unwrap_or(&field.ty));
    let value = match inside {
        Some(_) => quote!(Some(#value)),
        None => value,
    };
    let described = to_rustdoc(&doc_comment(&field.attrs));
    let doc = format!("Sets `{name}`, which is optional.\n\n{described}");
    Some(quote! {
        #[doc = #doc]
        #[must_use]
        pub fn #setter(mut self, #name: #ty) -> Self {
            self.#name = #value;
            self
        }
    })
}

/// What is passed for a member of this type, and what is made of it: as much as can be converted without a word.
fn argument(name: &Ident, ty: &Type) -> (TokenStream, TokenStream) {
    if let Some(item) = inner(ty, "Vec") {
        let items = quote!(impl IntoIterator<Item = impl Into<#item>>);
        return (items, quote!(#name.into_iter().map(Into::into).collect()));
    }
    // Nothing but itself is worth converting to a primitive type, and a literal has no type of its own yet.
    let is_primitive = matches!(ty, Type::Path(path)
        if path.path.get_ident().is_some_and(|ident| ident.to_string().starts_with(|c: char| c.is_ascii_lowercase())));
    if is_primitive {
        return (quote!(#ty), quote!(#name));
    }
    (quote!(impl Into<#ty>), quote!(#name.into()))
}
