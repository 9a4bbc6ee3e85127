//! t
pub(crate) fn run(_w: &[String]) -> Result<(), String> {
    Ok(())
}
pub(crate) mod limits {
    pub(crate) fn run(_w: &[String]) -> Result<(), String> {
        Ok(())
    }
}
