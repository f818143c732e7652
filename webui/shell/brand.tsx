// The mark of the product.

export function Brand() {
  return <img src="/icon.svg" width={24} height={24} alt="" />
}
