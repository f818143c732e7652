package main

import "github.com/vmware/govmomi/vim25/types"

// The functions below never change a tree in place: a client may be reading it.

func copyTree(nodes []types.VirtualMachineSnapshotTree) []types.VirtualMachineSnapshotTree {
	var copied []types.VirtualMachineSnapshotTree
	for _, node := range nodes {
		node.ChildSnapshotList = copyTree(node.ChildSnapshotList)
		copied = append(copied, node)
	}
	return copied
}

// insertSnapshot adds a child under the snapshot called parent.
func insertSnapshot(nodes []types.VirtualMachineSnapshotTree, parent types.ManagedObjectReference, child types.VirtualMachineSnapshotTree) []types.VirtualMachineSnapshotTree {
	var out []types.VirtualMachineSnapshotTree
	for _, node := range nodes {
		node.ChildSnapshotList = insertSnapshot(node.ChildSnapshotList, parent, child)
		if node.Snapshot == parent {
			node.ChildSnapshotList = append(node.ChildSnapshotList, child)
		}
		out = append(out, node)
	}
	return out
}

// pruneSnapshot takes one snapshot out, its children too or moved up; it also gives those removed, and the parent.
func pruneSnapshot(nodes []types.VirtualMachineSnapshotTree, ref types.ManagedObjectReference, above *types.ManagedObjectReference, withChildren bool) (
	out []types.VirtualMachineSnapshotTree, removed []types.ManagedObjectReference, parent *types.ManagedObjectReference) {
	for _, node := range nodes {
		if node.Snapshot == ref {
			removed, parent = append(removed, ref), above
			if withChildren {
				removed = append(removed, listSnapshots(node.ChildSnapshotList)...)
			} else {
				out = append(out, copyTree(node.ChildSnapshotList)...)
			}
			continue
		}
		self := node.Snapshot
		children, below, found := pruneSnapshot(node.ChildSnapshotList, ref, &self, withChildren)
		if below != nil {
			removed, parent = below, found
		}
		node.ChildSnapshotList = children
		out = append(out, node)
	}
	return out, removed, parent
}

// listSnapshots gives all of a tree, parents before their children.
func listSnapshots(nodes []types.VirtualMachineSnapshotTree) (refs []types.ManagedObjectReference) {
	for _, node := range nodes {
		refs = append(refs, node.Snapshot)
		refs = append(refs, listSnapshots(node.ChildSnapshotList)...)
	}
	return refs
}
