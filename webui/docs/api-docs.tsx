// Placeholder during the scaffold.
export function ApiDocs(_props: { part?: string }) { return <p>ApiDocs</p> }
