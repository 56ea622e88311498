//! `catalogue.rs`: what the document says of each operation, as a list for programs that explain rather than call.

use proc_macro2::TokenStream;
use quote::quote;

use super::codes::enum_ident;
use crate::spec::model::{Model, Operation, Permission};

/// All operations, in the order of the document.
pub(super) fn generate(model: &Model) -> TokenStream {
    let operations = model.operations.iter().map(one);
    quote! {
        use super::codes::*;

        /// A permission that a call needs, in some versions of the platform.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Permission {
            /// The versions, such as `2.4.0 to 2.4.4`.
            pub versions: &'static str,
            /// What the permission is called in them.
            pub permission: &'static str,
        }

        /// What the document says about an operation.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct OperationDoc {
            /// The `operationId`.
            pub id: &'static str,
            /// The value of the query parameter `action`.
            pub action: &'static str,
            /// The permissions that a call needs, by version of the platform.
            pub permissions: &'static [Permission],
            /// The codes of a failure: [`ErrorCode::ALL`] of the operation.
            pub codes: &'static [CodeInfo],
        }

        impl OperationDoc {
            /// All operations, in the order of the document.
            pub const ALL: &'static [Self] = &[#(#operations),*];

            /// The operation with this `operationId`.
            #[must_use]
            pub fn of(id: &str) -> Option<&'static Self> {
                Self::ALL.iter().find(|operation| operation.id == id)
            }
        }
    }
}

fn one(operation: &Operation) -> TokenStream {
    let Operation { id, action, .. } = operation;
    let codes = enum_ident(id);
    let permissions = operation
        .permissions
        .iter()
        .map(|Permission { versions, permission }| quote!(Permission { versions: #versions, permission: #permission }));
    quote! {
        OperationDoc {
            id: #id,
            action: #action,
            permissions: &[#(#permissions),*],
            codes: <#codes as ErrorCode>::ALL,
        }
    }
}
