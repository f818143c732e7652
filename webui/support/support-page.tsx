// Placeholder during the scaffold.
export function SupportPage(_props: { part?: string }) { return <p>SupportPage</p> }
