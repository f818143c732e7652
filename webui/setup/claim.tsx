// Placeholder during the scaffold.
export function Claim(_props: { part?: string }) { return <p>Claim</p> }
