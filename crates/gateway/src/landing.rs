//! The page at `/`: drop a picture, see the cut-out. Its files are in this
//! binary and need nothing from elsewhere.

use actix_web::{HttpResponse, http::header, web::Path};

const PAGE: &str = include_str!("../assets/index.html");

const ASSETS: [(&str, &str, &str); 2] = [
    ("landing.css", "text/css; charset=utf-8", include_str!("../assets/landing.css")),
    ("landing.js", "text/javascript; charset=utf-8", include_str!("../assets/landing.js")),
];

/// The page itself.
pub(crate) async fn page() -> HttpResponse {
    HttpResponse::Ok().content_type("text/html; charset=utf-8").body(PAGE)
}

/// A file of the page.
pub(crate) async fn asset(file: Path<String>) -> HttpResponse {
    let found = ASSETS.iter().find(|(name, ..)| *name == file.as_str());
    let Some((_, content_type, text)) = found else { return HttpResponse::NotFound().finish() };
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "public, max-age=300"))
        .content_type(*content_type)
        .body(*text)
}
