//! Generated wire types, the closed error table and the client handles.
