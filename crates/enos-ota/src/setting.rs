//! Which setting an error is about.

/// A setting of a [`ClientBuilder`](crate::ClientBuilder), for programs that have names of their own for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Setting {
    /// [`ClientBuilder::base_url`](crate::ClientBuilder::base_url).
    BaseUrl,
    /// [`ClientBuilder::allow_http`](crate::ClientBuilder::allow_http): the base URL is plain `http`, and that is not
    /// allowed.
    AllowHttp,
    /// The access key of [`Credentials`](crate::Credentials).
    AppKey,
    /// The secret of [`Credentials`](crate::Credentials).
    AppSecret,
    /// [`ClientBuilder::org_id`](crate::ClientBuilder::org_id).
    OrgId,
    /// [`ClientBuilder::proxy_url`](crate::ClientBuilder::proxy_url).
    Proxy,
    /// [`ClientBuilder::root_certificate_pem`](crate::ClientBuilder::root_certificate_pem).
    RootCertificate,
}
