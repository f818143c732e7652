// Placeholder during the scaffold.
export function SettingsPage(_props: { part?: string }) { return <p>SettingsPage</p> }
