// Files that the build takes in besides modules.
declare module '*.css' {}
declare module '*.md?raw' {
  const text: string
  export default text
}
