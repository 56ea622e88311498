//! How fast calls are made: [`enos_ota_rate`], with what the SDK reads in headers.

// Numbers come from outside here.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

use enos_ota::RateLimit;
use enos_ota::Window as OfGateway;
use enos_ota_rate::Window;
pub(crate) use enos_ota_rate::{Announced, CallResult, RateControl, RateSettings};

/// What an answer announces about one quota.
pub(crate) fn announced(limit: &RateLimit) -> Announced {
    let window = limit.window.map(|window| match window {
        OfGateway::Second => Window::Second,
        OfGateway::Minute => Window::Minute,
        OfGateway::Hour => Window::Hour,
        OfGateway::Day => Window::Day,
        _ => Window::Month,
    });
    Announced {
        window,
        limit: limit.limit,
        remaining: limit.remaining,
        reset: limit.reset,
    }
}

pub(crate) fn of_gateway(window: Window) -> OfGateway {
    match window {
        Window::Second => OfGateway::Second,
        Window::Minute => OfGateway::Minute,
        Window::Hour => OfGateway::Hour,
        Window::Day => OfGateway::Day,
        Window::Month => OfGateway::Month,
    }
}
