# What Packer needs; `packer init packer` installs the plugins. The versions are those of versions.yml, which a test
# holds against this file: Packer allows no variables here.

packer {
  required_version = ">= 1.11"

  required_plugins {
    amazon = {
      source  = "github.com/hashicorp/amazon"
      version = ">= 1.8.0, < 2"
    }
    ansible = {
      source  = "github.com/hashicorp/ansible"
      version = ">= 1.1.0, < 2"
    }
  }
}
