//! The pages for people: at `/`, drop a picture and see the cut-out; at
//! `/verify` and `/reset`, what the links in mails lead to. Their files are in
//! this binary and need nothing from elsewhere.

use actix_web::{HttpResponse, http::header, web::Path};

const SCRIPT: &str = "text/javascript; charset=utf-8";

const ASSETS: [(&str, &str, &str); 3] = [
    ("landing.css", "text/css; charset=utf-8", include_str!("../assets/landing.css")),
    ("landing.js", SCRIPT, include_str!("../assets/landing.js")),
    ("mail-link.js", SCRIPT, include_str!("../assets/mail-link.js")),
];

/// A page for people: drop a picture, see the cut-out.
#[utoipa::path(get, path = "/", tag = "Reference", operation_id = "landing",
    responses((status = 200, description = "A page.", content_type = "text/html", body = String)))]
pub(crate) async fn page() -> HttpResponse {
    html(include_str!("../assets/index.html"))
}

/// Where the verification mail leads.
pub(crate) async fn verify() -> HttpResponse {
    html(include_str!("../assets/verify.html"))
}

/// Where the password mail leads.
pub(crate) async fn reset() -> HttpResponse {
    html(include_str!("../assets/reset.html"))
}

/// A file of the pages.
pub(crate) async fn asset(file: Path<String>) -> HttpResponse {
    let found = ASSETS.iter().find(|(name, ..)| *name == file.as_str());
    let Some((_, content_type, text)) = found else { return HttpResponse::NotFound().finish() };
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "public, max-age=300"))
        .content_type(*content_type)
        .body(*text)
}

fn html(page: &'static str) -> HttpResponse {
    HttpResponse::Ok().content_type("text/html; charset=utf-8").body(page)
}
