//! The account endpoints: HTTP in, billing's calls out. All rules about
//! accounts are billing's; here bodies are read and answers written.

mod keys;
mod payments;
mod profile;
mod sessions;
mod timestamp;

use actix_web::web::ServiceConfig;

pub(crate) use self::{
    keys::{__path_create_key, __path_list_keys, __path_revoke_key},
    payments::{__path_open_checkout, __path_open_portal, __path_stripe_webhook},
    profile::__path_me,
    sessions::{
        __path_confirm_reset, __path_login, __path_logout, __path_register, __path_request_reset,
        __path_verify,
    },
};
use crate::routes::Endpoint;

pub(crate) fn configure(config: &mut ServiceConfig) {
    Endpoint::at("/api/auth/register").post(sessions::register).mount(config);
    Endpoint::at("/api/auth/verify").post(sessions::verify).mount(config);
    Endpoint::at("/api/auth/login").post(sessions::login).mount(config);
    Endpoint::at("/api/auth/logout").post(sessions::logout).mount(config);
    Endpoint::at("/api/auth/password-reset").post(sessions::request_reset).mount(config);
    Endpoint::at("/api/auth/password-reset/confirm").post(sessions::confirm_reset).mount(config);
    Endpoint::at("/api/me").get(profile::me).mount(config);
    Endpoint::at("/api/keys").get(keys::list_keys).post(keys::create_key).mount(config);
    Endpoint::at("/api/keys/{id}").delete(keys::revoke_key).mount(config);
    Endpoint::at("/api/billing/checkout").post(payments::open_checkout).mount(config);
    Endpoint::at("/api/billing/portal").post(payments::open_portal).mount(config);
    Endpoint::at("/api/stripe/webhook").post(payments::stripe_webhook).mount(config);
}
