// Placeholder during the scaffold.
export function ImagesPage(_props: { part?: string }) { return <p>ImagesPage</p> }
