"""What people decide about models, kept in files that git tracks: champions, waivers, looks at held-out data."""
