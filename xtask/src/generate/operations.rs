//! `operations.rs`: every operation as a value, so that generic code can send it, and its answer as an envelope.
//!
//! The fields and their types are read from the method that the client generator has made, so that the two cannot
//! disagree. A new optional parameter becomes a setter and changes nothing for those who do not use it.

use std::collections::BTreeMap;

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{ToTokens as _, format_ident, quote};
use syn::{
    FnArg, GenericArgument, ImplItem, ImplItemFn, Item, ItemStruct, Pat, PathArguments, ReturnType, Type, parse_quote,
};

use super::client::types;
use super::codes::enum_ident;
use super::names::{snake, upper_camel};
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::spec::model::{Envelope, Member, Model, Operation};

/// All operations.
pub fn generate(model: &Model, client: &syn::File) -> Result<TokenStream, Vec<Diagnostic>> {
    let mut errors = Vec::new();
    let mut operations = Vec::new();
    let mut envelopes = BTreeMap::new();
    for operation in &model.operations {
        match one(operation, client) {
            Ok((code, response)) => {
                operations.push(code);
                envelopes
                    .entry(response.to_string())
                    .or_insert((response, &operation.envelope));
            }
            Err(diagnostic) => errors.push(diagnostic),
        }
    }
    let mut impls = Vec::new();
    for (response, envelope) in envelopes.values() {
        match envelope_impl(response, envelope, client) {
            Ok(code) => impls.push(code),
            Err(mut diagnostics) => errors.append(&mut diagnostics),
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let traits = traits();
    Ok(quote! {
        //! Every operation as a value that can be sent, for code that treats all operations alike.

        use super::client::{Client, Error, ResponseValue, types};
        use super::codes::{ErrorCode, *};

        #traits
        #(#impls)*
        #(#operations)*
    })
}

fn traits() -> TokenStream {
    quote! {
        /// An answer that says in its body whether the call has succeeded.
        pub trait Envelope {
            /// The code of a success.
            const SUCCESS: i64;

            /// The code; the call has succeeded if it is [`Self::SUCCESS`].
            fn code(&self) -> i64;

            /// The text that goes with the code.
            fn message(&self) -> Option<&str>;

            /// What identifies the call in the platform's own records.
            fn request_id(&self) -> Option<&str>;

            /// What the gateway says, beside the code, about the access token.
            fn gateway_status(&self) -> Option<i64>;
        }

        /// An operation with its arguments.
        pub trait Operation: Send + Sync {
            /// The `operationId`.
            const OPERATION_ID: &'static str;

            /// The value of the query parameter `action`.
            const ACTION: &'static str;

            /// The answer.
            type Response: Envelope + ::core::fmt::Debug + Send + Sync + 'static;

            /// The codes of a failure.
            type ErrorCode: ErrorCode;

            /// Sends the operation once. An `Ok` is an answer of the platform, which may report a failure in its body.
            fn send<'c>(
                &'c self,
                client: &'c Client,
            ) -> impl Future<Output = Result<ResponseValue<Self::Response>, Error<()>>> + Send + 'c;
        }
    }
}

struct Argument {
    name: Ident,
    /// As the method has it: `&'a types::JobId`, `Option<i64>`.
    ty: Type,
    /// The type inside of `Option<...>`.
    optional: Option<Type>,
}

fn one(operation: &Operation, client: &syn::File) -> Result<(TokenStream, Ident), Diagnostic> {
    let method_name = format_ident!("{}", snake(&operation.id));
    let unusable = |what: &str| {
        let message = format!("the generated method for `{}` {what}", operation.id);
        Diagnostic::new(operation.at, message).hint("the generator of the client has changed; adapt xtask to it")
    };
    let method = method(client, &method_name).ok_or_else(|| unusable("is missing"))?;
    let response = response(method).ok_or_else(|| unusable("returns no named type"))?;
    let arguments = arguments(method).ok_or_else(|| unusable("has an argument without a name"))?;

    // The method's arguments are sorted by name, the constructor's are as the document has them.
    let position = |argument: &&Argument| {
        let name = argument.name.to_string();
        let name = name.trim_end_matches('_');
        operation
            .parameters
            .iter()
            .position(|parameter| snake(parameter) == name)
            .unwrap_or(usize::MAX)
    };
    let mut in_document_order: Vec<_> = arguments.iter().collect();
    in_document_order.sort_by_key(position);
    let (optional, required): (Vec<&Argument>, Vec<&Argument>) = in_document_order
        .iter()
        .partition(|argument| argument.optional.is_some());

    let has_references = arguments
        .iter()
        .any(|argument| argument.ty.to_token_stream().to_string().contains("'a"));
    let lifetime = has_references.then(|| quote!(<'a>));
    let anonymous = has_references.then(|| quote!(<'_>));

    let name = upper_camel(&operation.id);
    let codes = enum_ident(&operation.id);
    let Operation { id, action, .. } = operation;
    let doc = format!("The operation `{id}` with its arguments; see [`Client::{method_name}`].");

    let fields = in_document_order.iter().map(|Argument { name, ty, .. }| {
        let doc = format!("The argument `{name}` of [`Client::{method_name}`].");
        quote! {
            #[doc = #doc]
            pub #name: #ty
        }
    });
    let new_arguments = required.iter().map(|Argument { name, ty, .. }| quote!(#name: #ty));
    let required_names = required.iter().map(|argument| &argument.name);
    let optional_names = optional.iter().map(|argument| &argument.name);
    let new_doc = if optional.is_empty() {
        "The operation with these arguments.".to_owned()
    } else {
        "The operation with the arguments that it needs, and none of those that it does not need.".to_owned()
    };
    let setters = optional.iter().filter_map(|argument| {
        let Argument { name, optional, .. } = argument;
        let ty = optional.as_ref()?;
        let setter = format_ident!("with_{name}");
        let doc = format!("Adds the argument `{name}`.");
        Some(quote! {
            #[doc = #doc]
            #[must_use]
            pub fn #setter(mut self, #name: #ty) -> Self {
                self.#name = Some(#name);
                self
            }
        })
    });
    let passed = arguments.iter().map(|argument| &argument.name);

    let code = quote! {
        #[doc = #doc]
        #[derive(Clone, Copy, Debug)]
        #[non_exhaustive]
        pub struct #name #lifetime {
            #(#fields,)*
        }

        impl #lifetime #name #lifetime {
            #[doc = #new_doc]
            #[must_use]
            pub fn new(#(#new_arguments),*) -> Self {
                Self { #(#required_names,)* #(#optional_names: None,)* }
            }

            #(#setters)*
        }

        impl Operation for #name #anonymous {
            const OPERATION_ID: &'static str = #id;
            const ACTION: &'static str = #action;
            type Response = types::#response;
            type ErrorCode = #codes;

            fn send<'c>(
                &'c self,
                client: &'c Client,
            ) -> impl Future<Output = Result<ResponseValue<Self::Response>, Error<()>>> + Send + 'c {
                client.#method_name(#(self.#passed),*)
            }
        }
    };
    Ok((code, response))
}

fn method<'a>(client: &'a syn::File, name: &Ident) -> Option<&'a ImplItemFn> {
    let client_type: Type = parse_quote!(Client);
    let impls = client.items.iter().filter_map(|item| match item {
        Item::Impl(item) if item.trait_.is_none() && *item.self_ty == client_type => Some(item),
        _ => None,
    });
    impls.flat_map(|item| &item.items).find_map(|item| match item {
        ImplItem::Fn(method) if method.sig.ident == *name && method.sig.asyncness.is_some() => Some(method),
        _ => None,
    })
}

fn arguments(method: &ImplItemFn) -> Option<Vec<Argument>> {
    let typed = method.sig.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(typed) => Some(typed),
        FnArg::Receiver(_) => None,
    });
    typed
        .map(|typed| match &*typed.pat {
            Pat::Ident(pattern) => Some(Argument {
                name: pattern.ident.clone(),
                ty: (*typed.ty).clone(),
                optional: inner(&typed.ty, "Option").cloned(),
            }),
            _ => None,
        })
        .collect()
}

/// The name of the type in `Result<ResponseValue<types::NAME>, Error<()>>`.
fn response(method: &ImplItemFn) -> Option<Ident> {
    let ReturnType::Type(_, result) = &method.sig.output else {
        return None;
    };
    match inner(inner(result, "Result")?, "ResponseValue")? {
        Type::Path(path) if path.path.segments.first()?.ident == "types" => {
            Some(path.path.segments.last()?.ident.clone())
        }
        _ => None,
    }
}

/// The first argument of a generic type with this name.
fn inner<'a>(ty: &'a Type, name: &str) -> Option<&'a Type> {
    let Type::Path(path) = ty else { return None };
    let segment = path.path.segments.last().filter(|segment| segment.ident == name)?;
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
        return None;
    };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

fn envelope_impl(response: &Ident, envelope: &Envelope, client: &syn::File) -> Result<TokenStream, Vec<Diagnostic>> {
    let item = types(client).iter().find_map(|item| match item {
        Item::Struct(item) if item.ident == *response => Some(item),
        _ => None,
    });
    let Some(item) = item else {
        let message = format!("the answer `{response}` is not an object with members");
        return Err(vec![Diagnostic::new(envelope.code.at, message)]);
    };
    let mut errors = Vec::new();
    let mut accept = |result: Result<TokenStream, Diagnostic>| {
        result.unwrap_or_else(|diagnostic| {
            errors.push(diagnostic);
            TokenStream::new()
        })
    };
    let code = accept(field(item, &envelope.code).and_then(|found| match found {
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
        Some(member) => accept(field(item, member).and_then(|found| {
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
        Some(member) => accept(field(item, member).and_then(|found| match found {
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
fn field(item: &ItemStruct, member: &Member) -> Result<Field, Diagnostic> {
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
        Some(_) | None => Kind::Other,
    };
    let ident = field.ident.clone().unwrap_or_else(|| format_ident!("missing"));
    Ok(Field {
        ident,
        kind,
        optional: inside.is_some(),
    })
}

/// The name of a field in JSON: what `#[serde(rename = "...")]` says, or its own.
fn json_name(field: &syn::Field) -> Option<String> {
    let mut name = field.ident.as_ref()?.to_string();
    for attribute in field
        .attrs
        .iter()
        .filter(|attribute| attribute.path().is_ident("serde"))
    {
        // Other arguments than `rename` may have no value, or one that is no text; they are of no interest here.
        let _ = attribute.parse_nested_meta(|meta| {
            if let Ok(value) = meta.value().and_then(|value| value.parse::<syn::LitStr>())
                && meta.path.is_ident("rename")
            {
                name = value.value();
            }
            Ok(())
        });
    }
    Some(name)
}
