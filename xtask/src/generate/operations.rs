//! `operations.rs`: every operation as a value, so that generic code can send it, and its answer as an envelope.
//!
//! The fields and their types are read from the method that the client generator has made, so that the two cannot
//! disagree. A new optional parameter becomes a setter and changes nothing for those who do not use it.

use std::collections::BTreeMap;

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens as _, format_ident, quote};

use super::codes::enum_ident;
use super::doc_text::to_rustdoc;
use super::envelopes::{envelope_impl, same_envelope};
use super::names::{snake, upper_camel};
use super::signature::{Argument, arguments, method, response};
use crate::diagnostic::Diagnostic;
use crate::spec::model::{EFFECTS, Model, Operation};

/// All operations.
pub(super) fn generate(model: &Model, client: &syn::File) -> Result<TokenStream, Vec<Diagnostic>> {
    let mut errors = Vec::new();
    let mut operations = Vec::new();
    let mut envelopes = BTreeMap::new();
    for operation in &model.operations {
        match one(operation, client) {
            Ok((code, response)) => {
                operations.push(code);
                let (_, first) = envelopes
                    .entry(response.to_string())
                    .or_insert_with(|| (response.clone(), &operation.envelope));
                if !same_envelope(first, &operation.envelope) {
                    let message = format!("another operation with the answer `{response}` reports failure otherwise");
                    let hint = format!("the other `x-failure-envelope` is on line {}", first.code.at.line);
                    errors.push(Diagnostic::new(operation.envelope.code.at, message).hint(hint));
                }
            }
            Err(diagnostic) => errors.push(diagnostic),
        }
    }
    let mut impls = Vec::new();
    for (response, envelope) in envelopes.values() {
        match envelope_impl(response, envelope, client, model) {
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
    let effects = EFFECTS.iter().map(|(_, variant, doc)| {
        let variant = format_ident!("{variant}");
        quote! {
            #[doc = #doc]
            #variant,
        }
    });
    quote! {
        /// What a call does to the platform, and with it whether it may be repeated when its answer was lost.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Effect {
            #(#effects)*
        }

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

            /// What a call does to the platform.
            const EFFECT: Effect;

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
    let described = |argument: &Argument| {
        let name = argument.name.to_string();
        let name = name.trim_end_matches('_');
        let parameters = &operation.parameters;
        parameters.iter().position(|parameter| snake(&parameter.name) == name)
    };
    let mut in_document_order: Vec<_> = arguments.iter().collect();
    in_document_order.sort_by_key(|argument| described(argument).unwrap_or(usize::MAX));
    let (optional, required): (Vec<&Argument>, Vec<&Argument>) = in_document_order
        .iter()
        .partition(|argument| argument.optional.is_some());
    let argument_doc = |argument: &Argument| {
        let description = match described(argument) {
            Some(index) => operation.parameters[index].description.as_ref(),
            None => operation.body.as_ref(),
        };
        let fallback = || format!("The argument `{}` of [`Client::{method_name}`].", argument.name);
        description.map_or_else(fallback, |description| to_rustdoc(description))
    };

    let has_references = arguments
        .iter()
        .any(|argument| argument.ty.to_token_stream().to_string().contains("'a"));
    let lifetime = has_references.then(|| quote!(<'a>));
    let anonymous = has_references.then(|| quote!(<'_>));

    let name = upper_camel(&operation.id);
    let codes = enum_ident(&operation.id);
    let Operation { id, action, .. } = operation;
    let effect = EFFECTS.iter().find(|(word, _, _)| *word == operation.effect);
    let effect = effect.ok_or_else(|| unusable("has an effect that is not known"))?;
    let effect = format_ident!("{}", effect.1);
    let doc = format!("The operation `{id}` with its arguments; see [`Client::{method_name}`].");

    let fields = in_document_order.iter().map(|argument| {
        let Argument { name, ty, .. } = argument;
        let doc = argument_doc(argument);
        quote! {
            #[doc = #doc]
            pub #name: #ty
        }
    });
    let new_arguments = required.iter().map(|Argument { name, ty, .. }| quote!(#name: #ty));
    let required_names = required.iter().map(|argument| &argument.name);
    let optional_names = optional.iter().map(|argument| &argument.name);
    let setters = optional.iter().filter_map(|argument| {
        let Argument { name, optional, .. } = argument;
        let ty = optional.as_ref()?;
        // `type_` is `type`, which Rust keeps for itself; `with_type` is free.
        let setter = format_ident!("with_{}", name.to_string().trim_end_matches('_'));
        let doc = format!("Adds `{name}`, which is optional.\n\n{}", argument_doc(argument));
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
            /// The operation with the arguments that it needs.
            #[must_use]
            pub fn new(#(#new_arguments),*) -> Self {
                Self { #(#required_names,)* #(#optional_names: None,)* }
            }

            #(#setters)*
        }

        impl Operation for #name #anonymous {
            const OPERATION_ID: &'static str = #id;
            const ACTION: &'static str = #action;
            const EFFECT: Effect = Effect::#effect;
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
